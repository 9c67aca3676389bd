"""The numbers of a document as a table: a row per direction; pixels, before and after training side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

from .attributes import describe_words
from .results import COLUMNS

TABLE_METRICS = {"rank-1": "R1", "mAP": "mAP", "mINP": "mINP"}
"""The numbers of a result that a table shows, and their headings."""


@dataclass(frozen=True)
class TableRow:
    """A direction, or a variant of its protocol.

    Attributes:
        direction, target, synthetic: of the document's target.
        chance: Rank-1 of a random ranking, a fraction.
        cells: column -> metric -> fraction; None where there is no result.
        variant: the protocol's name; "" for the target's own protocol.
    """

    direction: str
    target: str
    synthetic: str
    chance: float
    cells: dict[str, dict[str, float] | None]
    variant: str = ""


def columns(document: Mapping[str, Any]) -> list[str]:
    """The columns that at least one target has, in their order."""
    return [c for c in COLUMNS if any(target["results"].get(c) for target in document["targets"])]


def rows(document: Mapping[str, Any]) -> list[TableRow]:
    """A row per target that has a result, each followed by a row per variant of its protocol."""
    made = []
    for target in document["targets"]:
        results = {column: result for column, result in target["results"].items() if result}
        variants = {variant["protocol"]: None for result in results.values() for variant in result["variants"]}
        for name in ("", *variants) if results else ():
            means = {
                column: each["mean"]
                for column, result in results.items()
                for each in ([result] if not name else result["variants"])
                if name in ("", each["protocol"])
            }
            cells = {c: {m: means[c][m] for m in TABLE_METRICS} if c in means else None for c in columns(document)}
            chance = next(reversed(means.values()))["chance"]
            synthetic = ", ".join(target["synthetic"])
            made.append(TableRow(target["direction"], target["target"], synthetic, chance, cells, name))
    return made


def table(document: Mapping[str, Any]) -> str:
    """Plain text, percent; ``-`` where there is no result; ``*`` marks directions with synthetic queries, and a
    number a variant of the protocol, which is named below. Last what the attribute decoder named of masked words."""
    lines = rows(document)
    variants = list(dict.fromkeys(row.variant for row in lines if row.variant))
    first, *others = TABLE_METRICS.values()
    head = ["\ndirection", "\ntarget", "\nchance"]
    head += [title for name in columns(document) for title in (f"{name}\n{first}", *(f"\n{each}" for each in others))]
    body = [
        [
            row.direction
            + (" *" if row.synthetic else "")
            + (f" ({variants.index(row.variant) + 1})" if row.variant else ""),
            row.target,
            percent(row.chance),
            *(percent(cells[m]) if cells else "-" for cells in row.cells.values() for m in TABLE_METRICS),
        ]
        for row in lines
    ]
    align = ("left", "left", *["right"] * (len(head) - 2))
    text = tabulate(body, head, disable_numparse=True, colalign=align if body else None)
    text += "".join(f"\n({number}) {variant}" for number, variant in enumerate(variants, 1))
    marked = sorted({row.synthetic for row in lines if row.synthetic})
    if marked:
        text += f"\n* with queries made from rgb: {'; '.join(marked)} (sketches by {document['sketcher']})"
    for target in document["targets"]:
        if "attributes" in target:
            text += f"\nmasked words, {target['target']}: {describe_words(target['attributes'])}"
    return "\n".join(line.rstrip() for line in text.splitlines())


def percent(value: float) -> str:
    """A fraction in percent, one decimal."""
    return f"{100 * value:.1f}"
