"""Markdown tables, and numbers as tables show them."""

from __future__ import annotations

from collections.abc import Sequence

from ..paper_tables.documents import CellValues

FACTOR = {"percent": 100.0, "count": 1.0, "ms": 1.0}
DIGITS = {"percent": 1, "count": 0, "ms": 2}
SHORT_NAMES = {"rank-1": "R1", "rank-5": "R5", "rank-10": "R10"}


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str = "---") -> str:
    """A table; ``align`` is the rule below the head of every column but the first, ``---:`` for numbers."""
    lines = [head, ["---", *[align] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def format_number(value: float | None, unit: str, sign: bool = False) -> str:
    """A number that is in ``unit`` already; ``-`` for None."""
    return "-" if value is None else f"{value:{'+' if sign else ''},.{DIGITS[unit]}f}"


def format_mean(values: CellValues, metric: int, unit: str) -> str:
    """The mean of one metric, with the deviation where there are several seeds."""
    std = values.std(metric)
    mean = format_number(FACTOR[unit] * values.mean(metric), unit)
    return mean if std is None else f"{mean} ± {format_number(FACTOR[unit] * std, unit)}"


def heading(metrics: tuple[str, ...]) -> str:
    """What the numbers of a cell are."""
    return " / ".join(SHORT_NAMES.get(metric, metric) for metric in metrics)
