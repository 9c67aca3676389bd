"""What a model is tested on: datasets, ways to search them, and validation splits."""

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
"""Behind a ``/``, the split of a dataset that is for choosing between models; also its value of the option `split`."""

Stock = Callable[[str], Any]
"""Name of one of torchreid's own datasets -> that dataset, with ``query`` and ``gallery``."""


@dataclass
class Target:
    """A dataset to test on with one combination of query modalities, or a trial of each of several."""

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
        """Query modalities that are made from RGB."""
        return sorted({part.modality.value for item in self.query[:1] for part in item.media.parts if part.synthetic})


def split_target(spec: str) -> tuple[str, Combination | None]:
    """``"tri_cuhk_pedes@sketch+text"`` -> name and combination as written; None where the dataset's own is meant."""
    name, at, combination = spec.partition("@")
    return name, parse_written(combination) if at else None


@dataclass
class TargetReader:
    """Reads targets.

    Attributes:
        root: data root.
        sources: data.sources, for leaks.
        options: the ``aio`` node.
        modalities: what the model is trained with.
        queries: what it finds people by.
        stock: where torchreid's own datasets come from.
    """

    root: str
    sources: Sequence[str]
    options: AIOConfig
    modalities: Combination
    queries: Combination
    stock: Stock

    def read(self, spec: str) -> Target:
        """The target ``spec``: a dataset's name, ``/val`` behind it for its validation split, and ``@combination``.

        Raises:
            ConfigError: the dataset has no such thing, or the model does not read its modalities.
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
        if wanted and wanted != own:  # else the protocol has what it asks for, which its name may not say
            query = compose(query, wanted, bool(self.options.test.synthesise))
        self._check_modalities(spec, [*query, *gallery])
        return Target(spec, protocol, query, gallery, notes, leaks(self.sources, name))

    def _check_modalities(self, spec: str, items: Sequence[Item]) -> None:
        foreign = {m for item in items for m in item.media.combination} - set(self.queries)
        if foreign and self.queries != self.modalities:
            raise ConfigError(
                f"data.targets: {spec} has {format_combination(in_order(foreign))}, but the model finds people by "
                f"{format_combination(self.queries)} alone; choose other targets or an AIO model."
            )
        if foreign:
            raise ConfigError(
                f"data.targets: {spec} has {format_combination(in_order(foreign))}, but aio.modalities is "
                f"{format_combination(self.modalities)}. Add what is missing to aio.modalities and train with it."
            )


def tested(targets: Sequence[str], options: AIOConfig) -> list[str]:
    """``targets``, and behind them the validation split that ``aio.train.select_target`` names.

    Args:
        options: the ``aio`` node.

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
        f"aio.train.select_target {chosen} is what the model is tested on too: the best of several checkpoints on it "
        "is better than an honest test would find. Choose a validation split, like 'cuhk_pedes/val'.",
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
            f"There is no target {spec!r}: behind a slash stands '{VALIDATION}', for sets that publish a validation "
            f"split: {', '.join(having)}."
        )
    return VALIDATION


def _kinds(items: Sequence[Item]) -> str:
    kinds = {item.media.combination for item in items}
    return format_combination(kinds.pop()) if len(kinds) == 1 else f"{len(kinds)} combinations"
