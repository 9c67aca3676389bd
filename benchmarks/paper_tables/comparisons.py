"""The order of rows that a paper reports, tested on our numbers; and whether a table made again is the same."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..markdown.formatting import format_mean
from .documents import CellValues, Document
from .spec import Claim, Table

APART = 1.0
"""Standard deviations of the difference that two means have to lie apart."""
TOLERANCE, LEAST = 3.0, {"percent": 0.01, "count": 0.0}
"""Standard errors of a mean that count as the same, and the least in the unit of the cell (fractions, counts)."""


def verdicts(table: Table, document: Document) -> Iterator[str]:
    """A sentence for every claim and column of ``table`` that ``document`` has numbers of."""
    for claim in table.claims:
        for column in [claim.column] if claim.column else table.columns:
            more, less = (document.cells.get((row, column)) for row in (claim.more, claim.less))
            if more is not None and less is not None and more.values and less.values:
                yield _sentence(table, claim, column, more, less)


def _sentence(table: Table, claim: Claim, column: str, more: CellValues, less: CellValues) -> str:
    named = {claim.more: more, claim.less: less}
    numbers = [f"{name} {format_mean(values, claim.metric, table.unit)}" for name, values in named.items()]
    where = "" if len(table.columns) == 1 else f"{column}, "
    metric = f"{table.metrics[claim.metric]}, " if len(table.metrics) > 1 else ""
    return f"{claim.words} ({where}{metric}{', '.join(numbers)}): **{verdict(claim, more, less)}**"


def verdict(claim: Claim, more: CellValues, less: CellValues) -> str:
    """Whether the first is higher by more than the deviations of both."""
    difference = more.mean(claim.metric) - less.mean(claim.metric)
    deviations = [values.std(claim.metric) for values in (more, less)]
    if None in deviations:
        return "confirmed (one run each)" if difference > 0 else "contradicted (one run each)"
    spread = APART * math.hypot(*(d for d in deviations if d is not None))
    if abs(difference) <= spread:
        return "undecided: within the deviation"
    return "confirmed" if difference > 0 else "contradicted"


def differences(before: Document, after: Document) -> list[str]:
    """A line for every cell that is not the same within its deviation; times depend on the machine and are left out."""
    lines = []
    for place in dict.fromkeys([*before.cells, *after.cells]):
        where = f"{after.table}: {', '.join(place)}"
        old, new = before.cells.get(place), after.cells.get(place)
        if old is None or new is None:
            lines.append(f"{where} exists in only one of the two")
        elif bool(old.values) != bool(new.values):
            lines.append(f"{where} has values in only one of the two ({old.why or new.why})")
        elif old.values and after.unit != "ms":
            lines += [
                f"{where}: {metric} was {format_mean(old, index, after.unit)}, is {format_mean(new, index, after.unit)}"
                for index, metric in enumerate(after.metrics)
                if abs(new.mean(index) - old.mean(index)) > tolerance(old, index, after.unit)
            ]
    return lines


def tolerance(old: CellValues, metric: int, unit: str) -> float:
    """How far a mean may move: TOLERANCE standard errors, and at least LEAST."""
    error = (old.std(metric) or 0.0) / math.sqrt(len(old.values))
    return max(TOLERANCE * error, LEAST[unit])
