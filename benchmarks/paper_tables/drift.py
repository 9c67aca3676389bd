"""Whether a table made again says what it said before, within its deviation."""

from __future__ import annotations

import math

from ..markdown.units import FACTOR, written
from .documents import Document, Found

TIMES, LEAST = 3.0, {"percent": 0.01, "count": 0.0}
"""Deviations of a mean that count as the same, and the least in the unit of the cell: a percent point of fractions."""


def differences(before: Document, after: Document) -> list[str]:
    """A line for every cell that is not the same within its deviation; times are the machine's and not looked at."""
    lines = []
    for place in dict.fromkeys([*before.cells, *after.cells]):
        where = f"{after.table}: {', '.join(place)}"
        old, new = before.cells.get(place), after.cells.get(place)
        if old is None or new is None:
            lines.append(f"{where} is in one of them alone")
        elif bool(old.values) != bool(new.values):
            lines.append(f"{where} is filled in one of them alone ({old.why or new.why})")
        elif old.values and after.unit != "ms":
            lines += [f"{where}: {said}" for said in _moved(old, new, after)]
    return lines


def _moved(old: Found, new: Found, document: Document) -> list[str]:
    unit = document.unit
    return [
        f"{metric} was {written(old, index, unit)}, is {written(new, index, unit)}"
        for index, metric in enumerate(document.metrics)
        if abs(new.mean(index) - old.mean(index)) * FACTOR[unit] > allowed(old, index, unit) * FACTOR[unit]
    ]


def allowed(old: Found, index: int, unit: str) -> float:
    """How far a mean may move: by TIMES its standard error, and at least LEAST."""
    std = old.std(index)
    error = (std or 0.0) / math.sqrt(len(old.values))
    return max(TIMES * error, LEAST[unit])
