"""A table's own numbers as JSON: cell by cell, with the runs they come from; checked when read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aio_plugin.errors import AIOError
from aio_plugin.evaluation.results import write_json

from ..result_files import OBJECT, TEXT, check, exact_object, list_of, load, provenance
from .scales import SCALES

SCHEMA = 1
RESULTS = Path(__file__).parents[1] / "results"
_HEAD = ("table", "scale", "world", "command", "created", "unit")
_RUN: Mapping[str, Any] = {
    "seed": {"type": "integer"},
    "config": OBJECT,
    "commit": {"type": ["string", "null"]},
    "hardware": OBJECT,
    "packages": OBJECT,
    "created": TEXT,
}
_TRAINED_RUN = {"torchreid": TEXT, "encoder": OBJECT, "sketcher": TEXT, "seconds": {"type": "number"}}
_SCHEMA = exact_object(
    {
        "schema": {"const": SCHEMA},
        **dict.fromkeys(_HEAD, TEXT),
        "world": {"type": ["object", "null"]},
        "metrics": list_of(TEXT),
        "cells": list_of(
            exact_object(
                {
                    "row": TEXT,
                    "column": TEXT,
                    "values": list_of(list_of({"type": "number", "minimum": 0})),
                    "runs": list_of(TEXT),
                    "why": TEXT,
                    "notes": list_of(TEXT),
                }
            )
        ),
        "runs": {"type": "object", "additionalProperties": exact_object(_RUN, _TRAINED_RUN)},
    }
)
_REMEDY = "delete it and make its table again with `python -m benchmarks.paper_tables`"


@dataclass(frozen=True)
class CellValues:
    """The content of a cell.

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
    """The result file of one table.

    Attributes:
        cells: (row, column) -> values.
        runs: key -> config, seed, commit, hardware and versions of a run.
    """

    table: str
    scale: str
    world: Mapping[str, Any] | None
    command: str
    created: str
    metrics: tuple[str, ...]
    unit: str
    cells: Mapping[tuple[str, str], CellValues]
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
                "values": [list(value) for value in cell.values],
                "runs": list(cell.runs),
                "why": cell.why,
                "notes": list(cell.notes),
            }
            for (row, column), cell in self.cells.items()
        ]
        head = {key: getattr(self, key) for key in _HEAD}
        return {"schema": SCHEMA, **head, "metrics": list(self.metrics), "cells": cells, "runs": dict(self.runs)}


def run_here(config: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    """A run of this program itself, which trained nothing."""
    return {
        "seed": seed,
        "config": dict(config),
        **provenance(),
    }


def run_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a table keeps of a result document: all but the results."""
    return {key: document[key] for key in (*_RUN, *_TRAINED_RUN)}


def save_table(document: Document, path: Path) -> None:
    """Write ``document``, whole or not at all.

    Raises:
        AIOError: it does not fit the schema.
    """
    content = document.to_json()
    _check(content, path)
    write_json(content, path)


def read_table(path: Path) -> Document:
    """The document at ``path``.

    Raises:
        AIOError: it is missing, damaged or of another schema; names the file and the first fault.
    """
    content = load(path, _SCHEMA, _REMEDY)
    _check(content, path)
    cells = {
        (cell["row"], cell["column"]): CellValues(
            tuple(tuple(value) for value in cell["values"]), tuple(cell["runs"]), cell["why"], tuple(cell["notes"])
        )
        for cell in content["cells"]
    }
    head = {key: content[key] for key in _HEAD}
    return Document(**head, metrics=tuple(content["metrics"]), cells=cells, runs=content["runs"])


def _check(content: Mapping[str, Any], path: Path) -> None:
    check(content, _SCHEMA, path, _REMEDY)
    fault = next(_faults(content, path), None)
    if fault:
        raise AIOError(f"{path}: {fault}; {_REMEDY}.")


def _faults(content: Mapping[str, Any], path: Path) -> Iterator[str]:
    """Faults that the schema cannot see."""
    scale, world = content["scale"], content["world"]
    if content["table"] != path.stem:
        yield f"it is a file of table {content['table']!r}"
    if scale not in SCALES or SCALES[scale].toy != (world is not None):
        yield f"scale {scale!r} and world {world!r} do not fit: toy data must say that it is"
    for cell in content["cells"]:
        where = f"cell {cell['row']!r}, {cell['column']!r}"
        if bool(cell["values"]) == bool(cell["why"]):
            yield f"{where}: needs either values or a reason why it has none"
        if len(cell["runs"]) != len(cell["values"]):
            yield f"{where}: {len(cell['values'])} values need as many runs, got {len(cell['runs'])}"
        for key in {*cell["runs"]} - {*content["runs"]}:
            yield f"{where}: its run {key!r} is not in the file"
        for value in cell["values"]:
            if len(value) != len(content["metrics"]) or not all(map(math.isfinite, value)):
                yield f"{where}: {value!r} are not {len(content['metrics'])} numbers"
            elif content["unit"] == "percent" and max(value) > 1:
                yield f"{where}: {value!r} are not fractions"
