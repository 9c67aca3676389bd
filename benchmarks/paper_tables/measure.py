"""Fills the cells of a table: trains or finds runs, counts, takes times, and says why a cell stays empty."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aio_plugin.errors import AIOError

from ..result_files import provenance
from .counts import count
from .documents import CellValues, Document, run_here, run_of
from .presence import Bench
from .runs import Plan, Run, Tell, result_of
from .spec import Absent, Cell, Count, Score, Table, Timing
from .timing import Stopwatch


@dataclass
class Measurer:
    """Fills tables on one bench.

    Attributes:
        seeds: of the runs.
        tell: is given every line that a run prints.
        done: is called with a run's name when it has all that the tables ask of it.
    """

    bench: Bench
    seeds: Sequence[int]
    command: str
    tell: Tell | None = None
    done: Callable[[str], None] | None = None
    plan: Plan = field(default_factory=Plan)
    _documents: dict[Any, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    _watches: dict[str, Stopwatch] = field(default_factory=dict)

    def prepare(self, tables: Sequence[Table]) -> int:
        """Note everything that ``tables`` ask of every run; how many tests of runs that makes."""
        for run, cell in self._wanted(tables):
            self.plan.add(run, cell.target, cell.options)
        return len(self.plan.targets)

    def run_all(self, tables: Sequence[Table], jobs: int) -> None:
        """Make all runs of ``tables``, ``jobs`` at a time, so that :meth:`document` has them at hand.

        Raises:
            AIOError: a run failed; those that have not begun are left.
        """
        tasks = {self._at(run, cell): (run, cell) for run, cell in self._wanted(tables)}
        starts = {start.folder: (start, cell) for run, cell in tasks.values() if (start := self._start(run, cell))}
        failed = threading.Event()

        def unless_failed(make: Callable[..., Any], *arguments: Any) -> None:
            if failed.is_set():
                return
            try:
                make(*arguments)
            except BaseException:
                failed.set()
                raise

        with ThreadPoolExecutor(jobs) as pool:
            futures: list[Future[None]] = [
                *(pool.submit(unless_failed, start.train, [each.target], self.tell) for start, each in starts.values()),
                *(pool.submit(unless_failed, self._tested, run, cell) for run, cell in tasks.values()),
            ]
            for future in as_completed(futures):
                future.result()

    def _wanted(self, tables: Sequence[Table]) -> Iterator[tuple[Run, Score]]:
        """Every run that can be had, with every cell that is read from it."""
        for table in tables:
            for _, _, cell in table:
                if isinstance(cell, Score) and not self.bench.missing(cell):
                    yield from ((self.bench.run(cell.training, seed), cell) for seed in self._seeds(table))

    def document(self, table: Table) -> Document:
        """``table`` with what can be computed.

        Raises:
            AIOError: a run failed, or a result file is corrupt; names it.
        """
        runs: dict[str, dict[str, Any]] = {}
        cells = {(row, column): self._fill(cell, table, runs) for row, column, cell in table}
        name = self.bench.scale.name
        return Document(
            table.name,
            name,
            self.bench.world,
            self.command,
            provenance()["created"],
            table.metrics,
            table.unit,
            cells,
            runs,
        )

    def _seeds(self, table: Table) -> Sequence[int]:
        return self.seeds[: table.most_seeds]

    def _fill(self, cell: Cell, table: Table, runs: dict[str, dict[str, Any]]) -> CellValues:
        missing = self.bench.missing(cell)
        if missing or isinstance(cell, Absent):
            return CellValues(why="; ".join(missing))
        if isinstance(cell, Count):
            return self._count(cell, runs)
        if isinstance(cell, Timing):
            return self._time(cell, runs)
        return self._score(cell, table, runs)

    def _score(self, cell: Score, table: Table, runs: dict[str, dict[str, Any]]) -> CellValues:
        values, keys, notes = [], [], dict[str, None]()
        for seed in self._seeds(table):
            run = self.bench.run(cell.training, seed)
            document = self._tested(run, cell)
            entry, result = result_of(document, cell.target)
            result = _variant(result, cell)
            values.append(tuple(float(result["mean"][metric]) for metric in table.metrics))
            keys.append(_key(run, cell))
            runs[keys[-1]] = run_of(document)
            notes |= dict.fromkeys(_notes(entry, result, document))
        return CellValues(tuple(values), tuple(keys), notes=tuple(notes))

    def _tested(self, run: Run, cell: Score) -> Mapping[str, Any]:
        at = self._at(run, cell)
        if at not in self._documents:
            if start := self._start(run, cell):
                start.train([cell.target], self.tell)
            run.train(self.plan.first(run) or [cell.target], self.tell)
            self._documents[at] = run.documents(self.plan.of(run, cell.options), cell.options, self.tell)
            if self.done is not None:
                self.done(run.name)
        return self._documents[at][cell.target]

    @staticmethod
    def _at(run: Run, cell: Score) -> tuple[Path, str]:
        return run.folder, json.dumps(cell.options, sort_keys=True)

    def _start(self, run: Run, cell: Score) -> Run | None:
        """The run that ``run`` starts from."""
        start = cell.training.start
        return None if start is None else self.bench.run(start, int(run.settings["train.seed"]))

    def _count(self, cell: Count, runs: dict[str, dict[str, Any]]) -> CellValues:
        number, notes = count(cell, self.bench.root)
        runs.setdefault("count", run_here({"data.root": str(self.bench.run_root)}))
        return CellValues(((number,),), ("count",), notes=() if self.bench.scale.toy else notes)

    def _time(self, cell: Timing, runs: dict[str, dict[str, Any]]) -> CellValues:
        if cell.role not in self._watches:
            self._watches[cell.role] = Stopwatch(self.bench, cell.role)
        watch = self._watches[cell.role]
        times = watch.milliseconds(cell.modalities)
        runs.setdefault("time", run_here(watch.about))
        return CellValues(tuple((time,) for time in times), ("time",) * len(times))


def _variant(result: Mapping[str, Any], cell: Score) -> Mapping[str, Any]:
    if not cell.variant:
        return result
    for variant in result["variants"]:
        if cell.variant in variant["protocol"]:
            found: Mapping[str, Any] = variant
            return found
    raise AIOError(f"The result of {cell.target} has no variant {cell.variant!r}; delete its run and run again.")


def _notes(entry: Mapping[str, Any], result: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    """Protocol, leaks, counts that differ and made modalities of a result."""
    notes = [result["protocol"], *entry["leaks"], *entry["notes"]]
    if entry["synthetic"]:
        notes.append(f"queries made from rgb: {', '.join(entry['synthetic'])} (sketches by {document['sketcher']})")
    return notes


def _key(run: Run, cell: Score) -> str:
    options = "".join(f" {key} {value}" for key, value in sorted(cell.options.items()))
    return f"{run.folder.name}{options}"
