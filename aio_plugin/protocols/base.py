"""What a protocol is: given queries and gallery, the trials to run and what each removes from the rankings."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..metrics.ranking import IntArray
from ..metrics.retrieval import Cmc
from ..modality import Item

RemovalRule = Literal["none", "same_camera", "source", "camera_location"]
REMOVAL_RULES: Mapping[RemovalRule, str] = {
    "none": "nothing removed",
    "same_camera": "same person and camera removed",
    "source": "source photo removed",
    "camera_location": "cameras of one location removed",
}
"""Rules by name, as a protocol's sentence states them: ``same_camera`` is Market-1501's; ``source`` removes the photo
that a sketch or caption was made from (UNIReID), and nothing for queries whose ``source`` is -1."""
KEEP = -1
"""The removal key that removes nothing."""


@dataclass(frozen=True)
class Trial:
    """One scoring of queries against a gallery.

    Attributes:
        name: of the trial, for the result.
        query, gallery: (Q,), (G,) indices into the items that the protocol was given.
        query_key, gallery_key: (Q,), (G,) removal keys. Gallery item ``j`` is removed from the
            ranking of query ``i`` where ``query_key[i] == gallery_key[j] >= 0``. Every removal rule
            of the field is of this form: (pid, camera) pairs for Market-1501, camera locations
            for SYSU-MM01, the source photo for Tri-CUHK-PEDES.
        parts: for every query the indices of the items that it consists of, the one in ``query`` first: its
            feature is the mean of theirs, each of unit length. None if every query is one item.
    """

    name: str
    query: IntArray
    gallery: IntArray
    query_key: IntArray
    gallery_key: IntArray
    parts: tuple[IntArray, ...] | None = None


class Protocol(ABC):
    """How a dataset is scored.

    A subclass is a dataclass: its fields are the protocol as data (:meth:`definition`), and ``name`` is the
    sentence made from them. Fields that hold data, such as lists of persons, are declared with ``repr=False``.

    Attributes:
        dataset: the dataset's name.
        removal: what leaves a query's ranking, one of REMOVAL_RULES.
        cmc: ``"image"`` counts gallery images; ``"identity"`` first keeps only the best-ranked image
            of every gallery identity.
        similarity_distribution: whether mSD is reported too, see :mod:`aio_plugin.metrics.msd`.
        variants: further protocols, scored on the same features and reported beside this one.
    """

    dataset: str
    removal: RemovalRule = "none"
    cmc: Cmc = "image"
    similarity_distribution: bool = False
    variants: Sequence[Protocol] = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """The protocol in a sentence, with everything that distinguishes it from its variants."""

    @abstractmethod
    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield the trials."""

    def definition(self) -> dict[str, Any]:
        """The protocol as data, for results."""
        fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(self) if dataclasses.is_dataclass(self) else ()
        names = [each.name for each in fields if each.repr]
        shared = ("dataset", "removal", "cmc")
        return {"kind": type(self).__name__, **{name: getattr(self, name) for name in dict.fromkeys((*shared, *names))}}


def removal_keys_of(rule: RemovalRule, query: Sequence[Item], gallery: Sequence[Item]) -> tuple[IntArray, IntArray]:
    """(Q,), (G,) removal keys of ``"none"``, ``"same_camera"`` or ``"source"``."""
    if rule == "same_camera":
        return equal_keys(query, gallery, lambda item: (item.pid, item.camid))
    sides = ([item.source if rule == "source" else KEEP for item in items] for items in (query, gallery))
    of_query, of_gallery = (np.array(side, dtype=np.int64) for side in sides)
    return of_query, of_gallery


def equal_keys(
    query: Sequence[Item], gallery: Sequence[Item], value: Callable[[Item], Hashable]
) -> tuple[IntArray, IntArray]:
    """(Q,), (G,) keys that are equal exactly where ``value`` is equal, for example an item's person and camera."""
    numbers: dict[Hashable, int] = {}
    sides = [[numbers.setdefault(value(item), len(numbers)) for item in items] for items in (query, gallery)]
    of_query, of_gallery = (np.array(side, dtype=np.int64) for side in sides)
    return of_query, of_gallery
