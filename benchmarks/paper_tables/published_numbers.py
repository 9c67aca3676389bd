"""The numbers that the papers printed: one JSON file a table below ``published/``, read and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aio_plugin.errors import AIOError

FOLDER = Path(__file__).with_name("published")
SCHEMA = 1
UNITS = ("percent", "count", "ms")
_HEAD: Mapping[str, type] = {
    "schema": int,
    "name": str,
    "paper": str,
    "table": str,
    "title": str,
    "unit": str,
    "row_label": str,
    "metrics": list,
    "columns": list,
    "rows": list,
    "notes": list,
}

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


def read(name: str, folder: Path = FOLDER) -> Published:
    """The table of that name.

    Raises:
        AIOError: the file is missing, no JSON, or not of the schema; names the file and the first fault.
    """
    path = folder / f"{name}.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AIOError(f"{path}: cannot be read as JSON ({error}); restore it from the repository.") from error
    fault = _fault(found, name)
    if fault:
        raise AIOError(f"{path}: {fault}; correct it, or restore it from the repository.")
    return Published(
        **{key: found[key] for key in ("name", "paper", "table", "title", "unit", "row_label")},
        metrics=tuple(found["metrics"]),
        columns=tuple(found["columns"]),
        values={row["row"]: {c: tuple(v) for c, v in row["values"].items()} for row in found["rows"]},
        notes=tuple(Note(n["note"], tuple(n["rows"]), tuple(n["columns"])) for n in found["notes"]),
    )


def _fault(found: Any, name: str) -> str | None:
    """What is wrong, the first thing; None if nothing is."""
    if not isinstance(found, dict):
        return "not a JSON object"
    for key, kind in _HEAD.items():
        if type(found.get(key)) is not kind:
            return f"{key!r} must be of type {kind.__name__}, got {found.get(key)!r}"
    unknown = sorted(set(found) - set(_HEAD))
    if unknown:
        return f"{unknown[0]!r} is unknown"
    if found["schema"] != SCHEMA:
        return f"schema {found['schema']} is not {SCHEMA}"
    if found["name"] != name:
        return f"it is named {found['name']!r}"
    if found["unit"] not in UNITS:
        return f"unit {found['unit']!r} is none of {', '.join(UNITS)}"
    return _rows_fault(found) or _notes_fault(found)


def _rows_fault(found: Mapping[str, Any]) -> str | None:
    seen: set[str] = set()
    for index, row in enumerate(found["rows"]):
        where = f"rows[{index}]"
        if not isinstance(row, dict) or set(row) != {"row", "values"} or not isinstance(row["values"], dict):
            return f"{where} must be an object of 'row' and 'values'"
        if not isinstance(row["row"], str) or row["row"] in seen:
            return f"{where}: {row['row']!r} is no name of a row, or stands twice"
        seen.add(row["row"])
        for column, values in row["values"].items():
            if column not in found["columns"]:
                return f"{where}: column {column!r} is unknown"
            if not _is_cell(values, len(found["metrics"])):
                return f"{where}, {column}: must be {len(found['metrics'])} numbers or nulls, got {values!r}"
            if found["unit"] == "percent" and any(v is not None and not 0 <= v <= 100 for v in values):
                return f"{where}, {column}: {values!r} are not percent"
    return None


def _is_cell(values: Any, length: int) -> bool:
    numbers = isinstance(values, list) and len(values) == length
    return numbers and all(v is None or (isinstance(v, (int, float)) and not isinstance(v, bool)) for v in values)


def _notes_fault(found: Mapping[str, Any]) -> str | None:
    known: Mapping[str, Sequence[str]] = {"rows": [row["row"] for row in found["rows"]], "columns": found["columns"]}
    for index, note in enumerate(found["notes"]):
        if not isinstance(note, dict) or set(note) != {"rows", "columns", "note"}:
            return f"notes[{index}] must be an object of 'rows', 'columns' and 'note'"
        for key, names in known.items():
            unknown = [each for each in note[key] if each not in names]
            if unknown:
                return f"notes[{index}].{key}: {unknown[0]!r} is unknown"
    return None
