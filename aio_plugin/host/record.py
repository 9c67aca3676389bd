"""The results of a run, collected over its tests and written as results.json, a table and a report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evaluation.pixels import pixel_features
from ..evaluation.rankings import SUFFIX, rankings_of, write_rankings
from ..evaluation.report import RankedList, ranked_lists, write_report
from ..evaluation.results import COLUMNS, document, file_name, target_entry, write_json
from ..evaluation.score import Result, score
from ..evaluation.table import table
from .targets import Target
from .torchreid_import import distribution

if TYPE_CHECKING:
    from ..encoders.frozen import FrozenEncoder
    from ..models.dmf import Origin
    from .data_manager import AIODataManager

RESULTS, REPORT, TARGETS = "results.json", "report.html", "results"
LISTS, TOP = 6, 8
"""Ranked lists per direction in the report, and gallery images in each."""


class RunResults:
    """Results of every target in up to three columns: ``pixels``, ``before`` and ``after`` training.

    Attributes:
        column: which one :meth:`add` fills.
    """

    def __init__(self) -> None:
        self.column = "after"
        self.results: dict[str, dict[str, Result | None]] = {}
        self.lists: dict[str, list[RankedList]] = {}
        self.rankings: dict[str, dict[str, str]] = {}
        self.started = time.time()

    def add(self, target: Target, result: Result | None) -> None:
        """Set the result of a target in the current column; a later one replaces it."""
        self.results.setdefault(target.name, {})[self.column] = result

    def draw(self, target: Target, result: Result, manager: AIODataManager) -> None:
        """Keep ranked lists of a target for the report."""
        size = (manager.height, manager.width)
        self.lists[target.name] = ranked_lists(result, LISTS, TOP, manager.reader.picture, size)

    def pixels(self, manager: AIODataManager, ranks: Sequence[int]) -> None:
        """Score raw pixels on every target that has them on both sides."""
        self.column = "pixels"
        for target in manager.test_targets.values():
            query, gallery = (pixel_features(items, manager.reader.picture) for items in (target.query, target.gallery))
            result = None
            if query is not None and gallery is not None:
                result = score(query, gallery, target.query, target.gallery, target.protocol, ranks=tuple(ranks))
            self.add(target, result)

    def save(
        self, folder: Path, target: Target, manager: AIODataManager, encoder: FrozenEncoder | Origin, seconds: float
    ) -> None:
        """Write results/<target>.json, which holds this target alone, and its rankings beside it.

        Args:
            seconds: duration of the test.
        """
        name = file_name(target.name)
        result = self.results[target.name][self.column]
        if result is not None:
            digest = write_rankings(rankings_of(result, manager.root), folder / TARGETS / f"{name}{SUFFIX}")
            self.rankings[target.name] = {"file": f"{name}{SUFFIX}", "sha256": digest}
        results = self._document([target.name], manager, encoder, seconds)
        write_json(results, folder / TARGETS / f"{name}.json")

    def write(self, folder: Path, manager: AIODataManager, encoder: FrozenEncoder | Origin, report: bool) -> None:
        """Print the table and write results.json, and report.html where asked."""
        seconds = time.time() - self.started
        results = self._document(list(self.results), manager, encoder, seconds, f"{TARGETS}/")
        print(f"\n{table(results)}\n")
        write_json(results, folder / RESULTS)
        print(f'Results saved to "{folder / RESULTS}"')
        if report:
            print(f'Report saved to "{write_report(folder / REPORT, results, self.lists)}"')

    def _document(
        self,
        names: Sequence[str],
        manager: AIODataManager,
        encoder: FrozenEncoder | Origin,
        seconds: float,
        folder: str = "",
    ) -> dict[str, Any]:
        return document(
            [self._entry(manager.test_targets[name], folder) for name in names],
            config=manager.config.document(),
            seed=manager.config.setting("train.seed", 1),
            torchreid=distribution(),
            encoder={"name": encoder.name, "sha256": encoder.sha256},
            sketcher=manager.sketcher.name,
            seconds=seconds,
        )

    def _entry(self, target: Target, folder: str) -> dict[str, Any]:
        results, rankings = self.results[target.name], self.rankings.get(target.name)
        return target_entry(
            target.name,
            target.direction,
            {column: results[column] for column in COLUMNS if column in results},
            target.notes,
            target.synthetic,
            target.leaks,
            rankings and {**rankings, "file": folder + rankings["file"]},
        )
