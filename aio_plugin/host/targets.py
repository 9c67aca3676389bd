"""The targets of a test: a dataset, a combination of query modalities, and optionally its validation split."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..config import AIOConfig
from ..datasets import ADAPTERS, Adapter
from ..datasets.overlaps import leaks
from ..errors import ConfigError
from ..evaluation.queries import as_own, compose, needed
from ..modality import Combination, Item, Media, Modality, format_combination, in_order, parse_written
from ..models.specs import searchable
from ..protocols.base import Protocol
from ..protocols.whole_gallery import WholeGallery

if TYPE_CHECKING:
    from .data_manager import AIODataManager

VALIDATION = "val"
"""Name of the validation split: after a ``/`` in a target, and as value of the option ``split`` of a dataset."""


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


def read_target(manager: AIODataManager, spec: str) -> Target:
    """The target ``spec``: ``name``, ``name/val``, ``name@combination`` or ``name/val@combination``.

    Raises:
        ConfigError: the dataset lacks that split or combination, or the model does not read its modalities.
    """
    written_name, written = split_target(spec)
    name, slash, split = written_name.partition("/")
    adapter = ADAPTERS.get(name)
    values = dict(manager.options.datasets[name]) if adapter else {}
    if slash:
        values["split"] = _validation(spec, split, adapter)
    queries = adapter.queries_in(manager.root, values) if adapter else ((Modality.RGB,),)
    if not queries:
        raise ConfigError(f"data.targets: {name} is for training only.")
    wanted = as_own(written, queries) if written else None
    own = needed(wanted, queries) if wanted else None
    if adapter:
        splits = adapter.read(manager.root, values, own)
        query, gallery, notes = list(splits.query), list(splits.gallery), list(splits.notes)
        protocol = adapter.protocol(manager.root, values, own)
    else:
        dataset = manager.torchreid_dataset(name, "query", verbose=False)
        query, gallery, notes = items_of(dataset.query), items_of(dataset.gallery), []
        protocol = WholeGallery(name, "same_camera")
    if wanted and wanted != own:  # otherwise the dataset itself has these queries
        query = compose(query, wanted, bool(manager.options.test.synthesise))
    _check_modalities(manager, spec, [*query, *gallery])
    return Target(spec, protocol, query, gallery, notes, leaks(manager.sources, name))


def _check_modalities(manager: AIODataManager, spec: str, items: Sequence[Item]) -> None:
    queries = searchable(manager.config.model, manager.options)
    foreign = {modality for item in items for modality in item.media.combination} - set(queries)
    if not foreign:
        return
    has = f"data.targets: {spec} has {format_combination(in_order(foreign))}, but"
    if queries != manager.modalities:
        raise ConfigError(
            f"{has} the model searches by {format_combination(queries)} only; choose other targets or an AIO model."
        )
    raise ConfigError(
        f"{has} aio.modalities is {format_combination(queries)}. Add what is missing to aio.modalities and train with "
        "it."
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
