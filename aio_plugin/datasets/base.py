"""What every dataset adapter gives: items in three splits, read from disk and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..modality import Combination, Item
from ..protocols.base import Protocol


Options = Mapping[str, Any]


@dataclass
class Splits:
    """The items of a dataset.

    Attributes:
        train: every medium of the training persons, of all modalities. An RGB image carries its
            own captions as partners; infrared images and sketches stand as items of their own and
            meet their photos by ``pid``.
        query: what is searched with; the partners of an item are the further parts of its query.
        gallery: what is searched in (RGB unless the protocol says otherwise).
        notes: what a user should know of how the splits were made; they land in the result.
    """

    train: Sequence[Item] = ()
    query: Sequence[Item] = ()
    gallery: Sequence[Item] = ()
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Adapter:
    """A dataset by its torchreid name.

    Attributes:
        name: what a config calls it.
        folder: where it lies under the data root.
        read: ``(root, options, query) -> Splits``; ``query`` is the combination of modalities to
            search with, or None for the dataset's own (``queries[0]``).
        protocol: ``(options) -> Protocol``.
        queries: the combinations its own media can form, the default first; empty if the
            dataset is for training only.
        options: every option it takes, with its default; ``about`` documents each.
    """

    name: str
    folder: str
    read: Callable[[str, Options, Combination | None], Splits]
    protocol: Callable[[Options], Protocol]
    queries: tuple[Combination, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
