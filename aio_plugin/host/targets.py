"""The targets of a test: a dataset, a combination of query modalities, and optionally its validation split."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..config import AIOConfig
from ..datasets import ADAPTERS, Adapter
from ..datasets.overlaps import leaks
from ..errors import ConfigError
from ..evaluation.queries import as_own, compose, needed
from ..modality import Combination, Item, Media, Modality, format_combination, in_order, parse_written
from ..protocols.base import Protocol
from ..protocols.whole_gallery import WholeGallery

VALIDATION = "val"
"""Name of the validation split: after a ``/`` in a target, and as value of the option ``split`` of a dataset."""

Stock = Callable[[str], Any]
"""Name of a dataset of torchreid's own -> that dataset, with ``query`` and ``gallery``."""


@dataclass
class Target:
    """A dataset to test on, with one combination of query modalities or a trial of each of several."""

    name: str
    protocol: Protocol
    query: list[Item]
    gallery: list[Item]
    notes: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)

    @property
    def direction(self) -> str:
        """For example ``sketch+text -> rgb``."""
        return f"{_kinds(self.query)} -> {_kinds(self.gallery)}"

    @property
    def synthetic(self) -> list[str]:
        """Query modalities that are synthesised from RGB."""
        return sorted({part.modality.value for item in self.query[:1] for part in item.media.parts if part.synthetic})


def split_target(spec: str) -> tuple[str, Combination | None]:
    """``"tri_cuhk_pedes@sketch+text"`` -> name and combination; None stands for the dataset's own."""
    name, at, combination = spec.partition("@")
    return name, parse_written(combination) if at else None


@dataclass
class TargetReader:
    """Reads targets.

    Attributes:
        root: data root.
        sources: ``data.sources``, to find leaks.
        modalities: of the model in training.
        queries: modalities that the model takes as query and gallery.
        stock: reads torchreid's own datasets.
    """

    root: str
    sources: Sequence[str]
    options: AIOConfig
    modalities: Combination
    queries: Combination
    stock: Stock

    def read(self, spec: str) -> Target:
        """The target ``spec``: ``name``, ``name/val``, ``name@combination`` or ``name/val@combination``.

        Raises:
            ConfigError: the dataset lacks that split or combination, or the model does not read its modalities.
        """
        written_name, written = split_target(spec)
        name, slash, split = written_name.partition("/")
        adapter = ADAPTERS.get(name)
        values = dict(self.options.datasets[name]) if adapter else {}
        if slash:
            values["split"] = _validation(spec, split, adapter)
        queries = adapter.queries_in(self.root, values) if adapter else ((Modality.RGB,),)
        if not queries:
            raise ConfigError(f"data.targets: {name} is for training only.")
        wanted = as_own(written, queries) if written else None
        own = needed(wanted, queries) if wanted else None
        if adapter:
            splits = adapter.read(self.root, values, own)
            query, gallery, notes = list(splits.query), list(splits.gallery), list(splits.notes)
            protocol = adapter.protocol(self.root, values, own)
        else:
            dataset = self.stock(name)
            query, gallery, notes = items_of(dataset.query), items_of(dataset.gallery), []
            protocol = WholeGallery(name, "same_camera")
        if wanted and wanted != own:  # otherwise the dataset itself has these queries
            query = compose(query, wanted, bool(self.options.test.synthesise))
        self._check_modalities(spec, [*query, *gallery])
        return Target(spec, protocol, query, gallery, notes, leaks(self.sources, name))

    def _check_modalities(self, spec: str, items: Sequence[Item]) -> None:
        foreign = {m for item in items for m in item.media.combination} - set(self.queries)
        if foreign and self.queries != self.modalities:
            raise ConfigError(
                f"data.targets: {spec} has {format_combination(in_order(foreign))}, but the model searches by "
                f"{format_combination(self.queries)} only; choose other targets or an AIO model."
            )
        if foreign:
            raise ConfigError(
                f"data.targets: {spec} has {format_combination(in_order(foreign))}, but aio.modalities is "
                f"{format_combination(self.modalities)}. Add what is missing to aio.modalities and train with it."
            )


def all_targets(targets: Sequence[str], options: AIOConfig) -> list[str]:
    """``targets``, followed by the validation split that ``aio.train.select_target`` names.

    Raises:
        ConfigError: it names neither a validation split nor one of the targets.
    """
    chosen = options.train.select_target
    if not chosen or _is_validation(chosen, options):
        return list(dict.fromkeys([*targets, *([chosen] if chosen else [])]))
    if chosen not in targets:
        raise ConfigError(
            f"aio.train.select_target is {chosen!r}; it must be one of data.targets ({', '.join(targets)}) or a "
            "dataset's validation split, written like 'cuhk_pedes/val'."
        )
    warnings.warn(
        f"aio.train.select_target {chosen} is a test target too: choosing the best of several checkpoints by it "
        "overestimates the result. Choose a validation split, like 'cuhk_pedes/val'.",
        stacklevel=2,
    )
    return list(targets)


def items_of(data: Sequence[tuple[Any, ...]]) -> list[Item]:
    """The items of one of torchreid's data lists."""
    return [Item(Media.of(path), int(pid), int(camid)) for path, pid, camid, *_ in data]


def _is_validation(spec: str, options: AIOConfig) -> bool:
    name, slash, _ = split_target(spec)[0].partition("/")
    return bool(slash) or (name in ADAPTERS and options.datasets[name].get("split") == VALIDATION)


def _validation(spec: str, split: str, adapter: Adapter | None) -> str:
    having = [name for name, each in ADAPTERS.items() if ("split", "test") in {option[:2] for option in each.options}]
    if split != VALIDATION or adapter is None or adapter.name not in having:
        raise ConfigError(
            f"There is no target {spec!r}: only '/{VALIDATION}' may follow a name, for the datasets that publish a "
            f"validation split: {', '.join(having)}."
        )
    return VALIDATION


def _kinds(items: Sequence[Item]) -> str:
    kinds = {item.media.combination for item in items}
    return format_combination(kinds.pop()) if len(kinds) == 1 else f"{len(kinds)} combinations"
