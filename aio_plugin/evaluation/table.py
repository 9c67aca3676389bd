"""The numbers of a document as a table: a row a direction, pixels, before and after training side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .results import COLUMNS

METRICS = {"rank-1": "R1", "mAP": "mAP", "mINP": "mINP"}
"""Which numbers of a result are shown, and under what name."""


@dataclass(frozen=True)
class Row:
    """A direction.

    Attributes:
        direction, target, synthetic: of the document's target.
        chance: Rank-1 of a random ranking, a fraction.
        cells: column -> metric -> fraction; None where there is no result.
    """

    direction: str
    target: str
    synthetic: str
    chance: float
    cells: dict[str, dict[str, float] | None]


def columns(document: Mapping[str, Any]) -> list[str]:
    """The columns that at least one target has, in their order."""
    return [c for c in COLUMNS if any(target["results"].get(c) for target in document["targets"])]


def rows(document: Mapping[str, Any]) -> list[Row]:
    """One row a target that was measured at all."""
    found = []
    for target in document["targets"]:
        means = {column: result["mean"] for column, result in target["results"].items() if result}
        if means:
            cells = {c: {m: means[c][m] for m in METRICS} if c in means else None for c in columns(document)}
            chance = next(reversed(means.values()))["chance"]
            found.append(Row(target["direction"], target["target"], ", ".join(target["synthetic"]), chance, cells))
    return found


def table(document: Mapping[str, Any]) -> str:
    """Plain text, percent; ``-`` where there is no result; ``*`` marks directions with synthetic queries."""
    names, lines = columns(document), rows(document)
    labels = [f"{row.direction}{' *' if row.synthetic else ''}" for row in lines]
    first = max([len("direction"), *map(len, labels)])
    second = max([len("target"), *(len(row.target) for row in lines)])
    group = len(METRICS) * 7
    head = f"{'':{first}}  {'':{second}}  {'':>6} " + "".join(f"| {name:^{group}} " for name in names)
    under = "".join("| " + "".join(f"{m:>7}" for m in METRICS.values()) + " " for _ in names)
    text = [head, f"{'direction':{first}}  {'target':{second}}  {'chance':>6} " + under]
    text.append("-" * len(text[1].rstrip()))
    for label, row in zip(labels, lines, strict=True):
        cells = "".join("| " + _cell(row.cells[name]) + " " for name in names)
        text.append(f"{label:{first}}  {row.target:{second}}  {percent(row.chance):>6} {cells}")
    marked = sorted({row.synthetic for row in lines if row.synthetic})
    if marked:
        text.append(f"* with queries made from rgb: {'; '.join(marked)} (sketches by {document['sketcher']})")
    return "\n".join(line.rstrip() for line in text)


def percent(value: float) -> str:
    """A fraction in percent, one decimal."""
    return f"{100 * value:.1f}"


def _cell(numbers: Mapping[str, float] | None) -> str:
    return "".join(f"{percent(numbers[m]) if numbers else '-':>7}" for m in METRICS)
