"""Which cells can be computed with the data and weights that are there, and what is missing for the others."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aio_plugin.datasets import ADAPTERS, all_adapters
from aio_plugin.datasets.toy_facts import ToyFacts
from aio_plugin.errors import AIOError
from aio_plugin.evaluation.queries import as_own, needed
from aio_plugin.host.targets import split_target

from .runs import Run, relative
from .scales import SKETCHER, SUFFIXES, Scale
from .spec import Absent, Cell, Count, Score, Settings, Timing, Training

OPTION = "aio.datasets."
QUANTISE = "aio.encoder.quantise"


@dataclass(frozen=True, eq=False)
class Bench:
    """Data, weights and the folder of the runs, at one scale.

    Attributes:
        root: the folder of the datasets.
        weights: the folder of the encoders' files; None where there is none.
        home: the folder of the runs.
        world: facts of a toy world; None is real data.
        contents: digest of a toy world's files.
        extra: config keys over those of every run.
    """

    scale: Scale
    root: Path
    weights: Path | None
    home: Path
    world: ToyFacts | None = None
    contents: str = ""
    extra: Settings | None = None

    @property
    def run_root(self) -> Path:
        """The root as the runs are given it."""
        return relative(self.root)

    def run(self, training: Training, seed: int) -> Run:
        """The run of ``training`` with ``seed``.

        Raises:
            AIOError: a file of weights is missing.
        """
        settings: dict[str, Any] = {"data.root": self.run_root, "train.seed": seed}
        settings |= self.scale.settings.get(training.role, {})
        settings |= (
            self._encoder(training.encoder) | self._sketcher() | dict(training.settings) | dict(self.extra or {})
        )
        if training.start is not None:
            settings["aio.dmf.start"] = relative(self.run(training.start, seed).checkpoint)
        name = f"{training.name}-{seed}"
        world = f"{self.world} {self.contents}" if self.world else ""
        return Run(name, self.scale.configs[training.role], settings, self.home, world, training.trains)

    def missing(self, cell: Cell) -> tuple[str, ...]:
        """What has to be there for ``cell`` and is not."""
        if isinstance(cell, Absent):
            return (cell.why,)
        if isinstance(cell, Count):
            return self._faults([(cell.dataset, {}, None)])
        if isinstance(cell, Timing):
            return ()  # it needs neither data nor weights
        return tuple(dict.fromkeys([*self._training(cell.training), *self._target(cell), *_packages(cell)]))

    def _target(self, cell: Score) -> tuple[str, ...]:
        name, written = split_target(cell.target)
        options = self._options(cell.training.role, name)
        before = f"{OPTION}{name}."
        options |= {key.removeprefix(before): value for key, value in cell.options.items() if key.startswith(before)}
        query = None
        if written and name in ADAPTERS:
            queries = ADAPTERS[name].queries_in(str(self.root), options)
            query = needed(as_own(written, queries), queries)
        return self._faults([(name, options, query)])

    def _training(self, training: Training) -> tuple[str, ...]:
        faults = self._faults([(name, self._options(training.role, name), None) for name in self._sources(training)])
        try:
            self._encoder(training.encoder)
        except AIOError as error:
            faults = (*faults, str(error))
        return (*faults, *(self._training(training.start) if training.start is not None else ()))

    def _faults(self, wanted: Sequence[tuple[str, Mapping[str, Any], Any]]) -> tuple[str, ...]:
        found = [self._fault(name, tuple(sorted(options.items())), query) for name, options, query in wanted]
        return tuple(fault for fault in found if fault)

    def _sources(self, training: Training) -> list[str]:
        override = self.scale.settings.get(training.role, {}).get("data.sources")
        return list(yaml.safe_load(override) if override else self._config(training.role)["data"]["sources"])

    @functools.cache  # noqa: B019 - a bench lives as long as the program
    def _config(self, role: str) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.scale.configs[role].read_text())
        return found

    def _options(self, role: str, dataset: str) -> dict[str, Any]:
        return dict(self._config(role).get("aio", {}).get("datasets", {}).get(dataset, {}))

    @functools.cache  # noqa: B019 - a bench lives as long as the program
    def _fault(self, name: str, options: tuple[tuple[str, Any], ...], query: Any) -> str:
        try:
            adapter = all_adapters()[name]
            adapter.read(str(self.root), dict(options), query)
            if adapter.queries:
                adapter.protocol(str(self.root), dict(options), query)
        except AIOError as error:
            first = str(error).strip().splitlines()[0].removesuffix(" The data root must contain:")
            first = first.replace(str(self.root), "DIR")  # a result need not tell whose machine it was
            return first if first.startswith(name) else f"{name}: {first}"
        return ""

    def _encoder(self, name: str) -> dict[str, Any]:
        """Settings of an encoder.

        Raises:
            AIOError: its file, or that of its words, is missing.
        """
        encoder = self.scale.encoders[name]
        settings = dict(encoder.settings)
        if encoder.file:
            settings["aio.encoder.weights"] = self._file(encoder.file, encoder.about)
        if encoder.words:
            words = self.scale.encoders["laion"]
            settings["aio.text.weights"] = self._file(encoder.words, words.about)
        return settings

    def _file(self, stem: str, about: str) -> Path:
        for suffix in SUFFIXES if self.weights else ():
            path = Path(self.weights or "", stem + suffix)
            if path.is_file():
                return relative(path)
        raise AIOError(f"weights: {stem}({'|'.join(SUFFIXES)}), {about}, is not in the folder of --weights")

    def _sketcher(self) -> dict[str, Any]:
        path = Path(self.weights, f"{SKETCHER}.pth") if self.weights and not self.scale.toy else None
        return {"aio.synthesis.lineart": relative(path)} if path is not None and path.is_file() else {}


def _packages(cell: Score) -> tuple[str, ...]:
    lacking = QUANTISE in cell.options and importlib.util.find_spec("torchao") is None
    return ("torchao is not installed (pip install torchao)",) if lacking else ()
