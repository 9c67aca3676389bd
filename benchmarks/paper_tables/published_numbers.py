"""The numbers that the papers printed: one JSON file a table below ``published/``, read and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aio_plugin.errors import AIOError

from ..result_files import TEXT, exact_object, list_of, load

FOLDER = Path(__file__).with_name("published")
SCHEMA = 1
UNITS = ("percent", "count", "ms")
_NAMES = list_of(TEXT)
_SCHEMA = exact_object(
    {
        "schema": {"const": SCHEMA},
        **dict.fromkeys(("name", "paper", "table", "title", "row_label"), TEXT),
        "unit": {"enum": list(UNITS)},
        "metrics": _NAMES,
        "columns": _NAMES,
        "rows": list_of(
            exact_object(
                {
                    "row": TEXT,
                    "values": {"type": "object", "additionalProperties": list_of({"type": ["number", "null"]})},
                }
            )
        ),
        "notes": list_of(exact_object({"rows": _NAMES, "columns": _NAMES, "note": TEXT})),
    }
)
_REMEDY = "correct it, or restore it from the repository"

Values = tuple[float | None, ...]


@dataclass(frozen=True)
class Note:
    """What a reader has to know of some cells; no rows or no columns are all of them."""

    text: str
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def concerns(self, row: str, column: str) -> bool:
        """Whether it is about the cell."""
        return (not self.rows or row in self.rows) and (not self.columns or column in self.columns)


@dataclass(frozen=True)
class Published:
    """A table as printed.

    Attributes:
        name: of the file, and of the table that regenerates it.
        paper, table: where it stands.
        unit: of all numbers, one of UNITS.
        row_label: what a row is.
        metrics: what the numbers of one cell are, in their order.
        values: row -> column -> one number a metric, None where that is not printed.
        notes: inconsistencies of the paper, and who ran what.
    """

    name: str
    paper: str
    table: str
    title: str
    unit: str
    row_label: str
    metrics: tuple[str, ...]
    columns: tuple[str, ...]
    values: Mapping[str, Mapping[str, Values]]
    notes: tuple[Note, ...]

    def at(self, row: str, column: str) -> Values | None:
        """The numbers of a cell; None where the paper has none."""
        return self.values.get(row, {}).get(column)


def read_published(name: str, folder: Path = FOLDER) -> Published:
    """The table of that name.

    Raises:
        AIOError: the file is missing, not JSON, or does not fit the schema; names the file and the first fault.
    """
    path = folder / f"{name}.json"
    document = load(path, _SCHEMA, _REMEDY)
    fault = _fault(document, name)
    if fault:
        raise AIOError(f"{path}: {fault}; {_REMEDY}.")
    return Published(
        **{key: document[key] for key in ("name", "paper", "table", "title", "unit", "row_label")},
        metrics=tuple(document["metrics"]),
        columns=tuple(document["columns"]),
        values={row["row"]: {c: tuple(v) for c, v in row["values"].items()} for row in document["rows"]},
        notes=tuple(Note(n["note"], tuple(n["rows"]), tuple(n["columns"])) for n in document["notes"]),
    )


def _fault(document: Mapping[str, Any], name: str) -> str | None:
    """The first fault that the schema cannot see; None if there is none."""
    if document["name"] != name:
        return f"it is named {document['name']!r}"
    rows = [row["row"] for row in document["rows"]]
    if len(set(rows)) < len(rows):
        return "a row name occurs twice"
    count, highest = len(document["metrics"]), 100 if document["unit"] == "percent" else math.inf
    for row in document["rows"]:
        for column, values in row["values"].items():
            if column not in document["columns"]:
                return f"row {row['row']!r}: column {column!r} is unknown"
            if len(values) != count:
                return f"row {row['row']!r}, {column}: must be {count} numbers or nulls, got {values!r}"
            if any(value is not None and not 0 <= value <= highest for value in values):
                return f"row {row['row']!r}, {column}: {values!r} are not {document['unit']}"
    for note in document["notes"]:
        unknown = {*note["rows"]} - {*rows} | {*note["columns"]} - {*document["columns"]}
        if unknown:
            return f"a note names {min(unknown)!r}, which is unknown"
    return None
