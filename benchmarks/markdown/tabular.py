"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def lines(head: Sequence[str], rows: Sequence[Sequence[str]], rule: str = "---") -> Iterator[str]:
    """The lines of a table.

    Args:
        rule: below the head of every column but the first: ``---:`` sets its cells to the right.
    """
    yield line(head)
    yield line(["---", *[rule] * (len(head) - 1)])
    yield from map(line, rows)


def line(cells: Sequence[str]) -> str:
    """A row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def figures(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of numbers behind a first column of words."""
    return "\n".join(lines(head, rows, "---:"))
