"""Numbers as tables show them."""

from __future__ import annotations

from ..paper_tables.documents import Found

FACTOR = {"percent": 100.0, "count": 1.0, "ms": 1.0}
DIGITS = {"percent": 1, "count": 0, "ms": 2}
NAMES = {"rank-1": "R1", "rank-5": "R5", "rank-10": "R10"}


def shown(value: float | None, unit: str, sign: bool = False) -> str:
    """A number that is in ``unit`` already; ``-`` is none."""
    return "-" if value is None else f"{value:{'+' if sign else ''},.{DIGITS[unit]}f}"


def written(found: Found, metric: int, unit: str) -> str:
    """The mean of one metric, with the deviation where there are several seeds."""
    std = found.std(metric)
    mean = shown(FACTOR[unit] * found.mean(metric), unit)
    return mean if std is None else f"{mean} ± {shown(FACTOR[unit] * std, unit)}"


def heading(metrics: tuple[str, ...]) -> str:
    """What the numbers of a cell are."""
    return " / ".join(NAMES.get(metric, metric) for metric in metrics)
