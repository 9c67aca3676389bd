"""The results of a run, collected over its tests and written as results.json, a table and a report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.items_digest import items_digest
from ..evaluation.attributes import MaskedWords
from ..evaluation.pictures import write_ranked_lists
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

    Args:
        weights: what the model was loaded with before, see :class:`.weights.LoadedWeights`.

    Attributes:
        column: which one :meth:`add` fills.
        training: the last epoch trained and the means of what was logged in it; empty without training.
    """

    def __init__(
        self, manager: AIODataManager, encoder: FrozenEncoder | Origin, weights: Mapping[str, Any] | None = None
    ) -> None:
        self.manager, self.encoder, self.weights = manager, encoder, weights
        self.column, self.started = "after", time.time()
        self.training: dict[str, float] = {}
        self.results: dict[str, dict[str, Result | None]] = {}
        self.lists: dict[str, list[RankedList]] = {}
        self.rankings: dict[str, dict[str, str]] = {}
        self.items: dict[str, str] = {}
        self.words: dict[str, MaskedWords] = {}

    def add(
        self,
        target: Target,
        result: Result,
        folder: Path,
        pictures: int,
        seconds: float,
        words: MaskedWords | None = None,
    ) -> None:
        """Keep the result of a test in the current column, in place of an earlier one, and write its files.

        These are results/<target>.json, which holds this target alone, its rankings beside it, and ranked lists.

        Args:
            folder: of the run.
            pictures: gallery images in each ranked list; 0 writes none.
            seconds: duration of the test.
            words: what the attribute decoder named of the target's captions.
        """
        manager, name = self.manager, file_name(target.name)
        size = (manager.height, manager.width)
        self.results.setdefault(target.name, {})[self.column] = result
        if words is not None:
            self.words[target.name] = words
        digest = write_rankings(rankings_of(result, manager.root), folder / TARGETS / f"{name}{SUFFIX}")
        if target.name not in self.items:  # the same items in every test of a run
            self.items[target.name] = items_digest([*target.query, *target.gallery], manager.root)
        self.rankings[target.name] = {"file": f"{name}{SUFFIX}", "sha256": digest}
        write_json(self._document([target.name], seconds), folder / TARGETS / f"{name}.json")
        if manager.options.test.report and self.column == "after":
            self.lists[target.name] = ranked_lists(result, LISTS, TOP, manager.reader.picture, size)
        if pictures:
            lists = write_ranked_lists(result, folder / f"visrank_{name}", pictures, manager.reader.picture, size)
            print(f'Done. Images have been saved to "{lists}" ...')

    def pixels(self, ranks: Sequence[int]) -> None:
        """Score raw pixels on every target that has them on both sides."""
        picture = self.manager.reader.picture
        for target in self.manager.test_targets.values():
            query, gallery = (pixel_features(items, picture) for items in (target.query, target.gallery))
            result = None
            if query is not None and gallery is not None:
                result = score(query, gallery, target.query, target.gallery, target.protocol, ranks=tuple(ranks))
            self.results.setdefault(target.name, {})["pixels"] = result

    def write(self, folder: Path, report: bool) -> None:
        """Print the table and write results.json, and report.html where asked."""
        results = self._document(list(self.results), time.time() - self.started, f"{TARGETS}/")
        print(f"\n{table(results)}\n")
        write_json(results, folder / RESULTS)
        print(f'Results saved to "{folder / RESULTS}"')
        if report:
            print(f'Report saved to "{write_report(folder / REPORT, results, self.lists)}"')

    def _document(self, names: Sequence[str], seconds: float, folder: str = "") -> dict[str, Any]:
        entries = []
        for name in names:
            target, results, rankings = self.manager.test_targets[name], self.results[name], self.rankings.get(name)
            columns = {column: results[column] for column in COLUMNS if column in results}
            file = rankings and {**rankings, "file": folder + rankings["file"]}
            entries.append(
                target_entry(
                    *(name, target.direction, columns, target.notes, target.synthetic, target.leaks, file),
                    items=self.items.get(name),
                    words=self.words.get(name),
                )
            )
        return document(
            entries,
            config=self.manager.config.document(),
            seed=self.manager.config.setting("train.seed", 1),
            torchreid=distribution(),
            encoder={"name": self.encoder.name, "sha256": self.encoder.sha256},
            sketcher=self.manager.sketcher.name,
            weights=self.weights,
            sources=self.manager.num_train_pids.sources,
            seconds=seconds,
            training=self.training,
        )
