"""A table's own numbers as JSON: cell by cell, with the runs they come from; checked when read."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aio_plugin.errors import AIOError
from aio_plugin.evaluation.environment import git_commit, hardware, package_versions
from aio_plugin.evaluation.results import write_json

from .runs import REPOSITORY
from .scales import SCALES

SCHEMA = 1
RESULTS = Path(__file__).parents[1] / "results"
_KEYS: Mapping[str, Any] = {
    "schema": int,
    "table": str,
    "scale": str,
    "world": (dict, type(None)),
    "command": str,
    "created": str,
    "metrics": list,
    "unit": str,
    "cells": list,
    "runs": dict,
}
_RUN: Mapping[str, Any] = {
    "seed": int,
    "config": dict,
    "commit": (str, type(None)),
    "hardware": dict,
    "packages": dict,
    "created": str,
}
_FURTHER_OF_RUN = {"torchreid": str, "encoder": dict, "sketcher": str, "seconds": (int, float)}
_CELL: Mapping[str, Any] = {"row": str, "column": str, "values": list, "runs": list, "why": str, "notes": list}


@dataclass(frozen=True)
class Found:
    """What stands in a cell.

    Attributes:
        values: of every seed one number a metric; empty where there is none.
        runs: of every seed, the key of its run.
        why: it is empty.
        notes: what the result said of itself.
    """

    values: tuple[tuple[float, ...], ...] = ()
    runs: tuple[str, ...] = ()
    why: str = ""
    notes: tuple[str, ...] = ()

    def mean(self, metric: int) -> float:
        """Over the seeds."""
        return math.fsum(value[metric] for value in self.values) / len(self.values)

    def std(self, metric: int) -> float | None:
        """Of the seeds (n - 1); None where there is only one."""
        if len(self.values) < 2:
            return None
        mean = self.mean(metric)
        return math.sqrt(math.fsum((v[metric] - mean) ** 2 for v in self.values) / (len(self.values) - 1))


@dataclass(frozen=True)
class Document:
    """A result file: see ``_KEYS``.

    Attributes:
        cells: (row, column) -> what was found.
        runs: key -> config, seed, commit, hardware and versions of a run.
    """

    table: str
    scale: str
    world: Mapping[str, Any] | None
    command: str
    created: str
    metrics: tuple[str, ...]
    unit: str
    cells: Mapping[tuple[str, str], Found]
    runs: Mapping[str, Mapping[str, Any]]

    @property
    def toy(self) -> bool:
        """Whether its people are made up."""
        return self.world is not None

    def seeds(self) -> list[int]:
        """Of its runs."""
        return sorted({run["seed"] for run in self.runs.values()})

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        cells = [
            {
                "row": row,
                "column": column,
                "values": [list(value) for value in found.values],
                "runs": list(found.runs),
                "why": found.why,
                "notes": list(found.notes),
            }
            for (row, column), found in self.cells.items()
        ]
        head = {key: getattr(self, key) for key in _KEYS if key not in ("schema", "cells", "metrics")}
        return {"schema": SCHEMA, **head, "metrics": list(self.metrics), "cells": cells}


def now() -> str:
    """In UTC, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def run_here(config: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    """A run of this program itself, which trained nothing."""
    return {
        "seed": seed,
        "config": dict(config),
        "commit": git_commit(REPOSITORY),
        "hardware": hardware(),
        "packages": package_versions(),
        "created": now(),
    }


def run_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a table keeps of a result document: all but the results."""
    return {key: document[key] for key in (*_RUN, *_FURTHER_OF_RUN)}


def save(document: Document, path: Path) -> None:
    """Write ``document``, whole or not at all.

    Raises:
        AIOError: it does not fit the schema.
    """
    found = document.to_json()
    _check(found, path)
    write_json(found, path)


def read(path: Path) -> Document:
    """The document at ``path``.

    Raises:
        AIOError: it is missing, corrupt or of another schema; names the file and the first fault.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AIOError(f"{path}: cannot be read as JSON ({error}); delete it and make its table again.") from error
    _check(found, path)
    cells = {
        (cell["row"], cell["column"]): Found(
            tuple(tuple(value) for value in cell["values"]), tuple(cell["runs"]), cell["why"], tuple(cell["notes"])
        )
        for cell in found["cells"]
    }
    head = {key: found[key] for key in _KEYS if key not in ("schema", "cells", "metrics")}
    return Document(**head, metrics=tuple(found["metrics"]), cells=cells)


def _check(found: Any, path: Path) -> None:
    fault = next(_faults(found, path), None)
    if fault:
        raise AIOError(f"{path}: {fault}. Delete it and rebuild it with `python -m benchmarks.paper_tables`.")


def _faults(found: Any, path: Path) -> Iterator[str]:
    if not isinstance(found, dict):
        yield "it is no JSON object"
        return
    if found.get("schema") != SCHEMA:
        yield f"its schema is {found.get('schema')!r}, this version reads {SCHEMA}"
        return
    yield from _typed(found, _KEYS, "the document")
    if found["table"] != path.stem:
        yield f"it is a file of table {found['table']!r}"
    if found["scale"] not in SCALES or SCALES[found["scale"]].toy != (found["world"] is not None):
        yield f"scale {found['scale']!r} and world {found['world']!r} do not fit: toy data must say that it is"
    for key, run in found["runs"].items():
        yield from _typed(run, _RUN, f"run {key!r}", _FURTHER_OF_RUN)
    for index, cell in enumerate(found["cells"]):
        yield from _typed(cell, _CELL, f"cells[{index}]")
        yield from _cell_faults(cell, found)


def _cell_faults(cell: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    where = f"cell {cell['row']!r}, {cell['column']!r}"
    if bool(cell["values"]) == bool(cell["why"]):
        yield f"{where}: has to have values, or say why it has none"
    if len(cell["runs"]) != len(cell["values"]):
        yield f"{where}: {len(cell['values'])} values need as many runs, got {len(cell['runs'])}"
    for key in cell["runs"]:
        if key not in found["runs"]:
            yield f"{where}: its run {key!r} is not in the file"
    for value in cell["values"]:
        if not isinstance(value, list) or len(value) != len(found["metrics"]) or not all(map(_is_number, value)):
            yield f"{where}: {value!r} are not {len(found['metrics'])} numbers"
        elif found["unit"] == "percent" and not all(0 <= number <= 1 for number in value):
            yield f"{where}: {value!r} are not fractions"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _typed(
    value: Any, keys: Mapping[str, Any], where: str, further: Mapping[str, Any] | Sequence[str] = ()
) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is no object"
        return
    for key, kind in keys.items():
        if not isinstance(value.get(key, ...), kind) or isinstance(value[key], bool):
            yield f"{where}: {key!r} is missing or of the wrong type"
    unknown = sorted(set(value) - set(keys) - set(further))
    if unknown:
        yield f"{where}: {unknown[0]!r} is unknown"
