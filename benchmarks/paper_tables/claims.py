"""Orders that the papers print, looked for in our numbers: there, the other way round, or not to be told."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..markdown.units import written
from .documents import Document, Found
from .spec import Claim, Table

APART = 1.0
"""Standard deviations of the difference that two means have to lie apart."""


def verdicts(table: Table, document: Document) -> Iterator[str]:
    """A sentence for every claim and column of ``table`` that ``document`` has numbers of."""
    for claim in table.claims:
        for column in [claim.column] if claim.column else table.columns:
            more, less = (document.cells.get((row, column)) for row in (claim.more, claim.less))
            if more is not None and less is not None and more.values and less.values:
                yield _sentence(table, claim, column, more, less)


def _sentence(table: Table, claim: Claim, column: str, more: Found, less: Found) -> str:
    named = {claim.more: more, claim.less: less}
    numbers = [f"{name} {written(found, claim.metric, table.unit)}" for name, found in named.items()]
    where = "" if len(table.columns) == 1 else f"{column}, "
    metric = f"{table.metrics[claim.metric]}, " if len(table.metrics) > 1 else ""
    return f"{claim.words} ({where}{metric}{', '.join(numbers)}): **{verdict(claim, more, less)}**"


def verdict(claim: Claim, more: Found, less: Found) -> str:
    """Whether the first is higher by more than the deviations of both."""
    difference = more.mean(claim.metric) - less.mean(claim.metric)
    deviations = [found.std(claim.metric) for found in (more, less)]
    if None in deviations:
        return "so it is here, by one run each" if difference > 0 else "not so here, by one run each"
    spread = APART * math.hypot(*(d for d in deviations if d is not None))
    if abs(difference) <= spread:
        return "within the deviation here"
    return "so it is here" if difference > 0 else "the other way round here"
