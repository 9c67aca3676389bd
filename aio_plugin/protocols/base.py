"""What a protocol is: given queries and gallery, the trials to run and what each removes from the rankings."""

from __future__ import annotations

import dataclasses
import random
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..metrics.labels import IntArray
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

    def removal_key(self, item: Item) -> Hashable:
        """What a query and the gallery items that are removed from its ranking have in common; None removes nothing."""
        if self.removal == "same_camera":
            return item.pid, item.camid
        return item.source if self.removal == "source" and item.source >= 0 else None

    def make_trial(
        self,
        name: str,
        query: Sequence[Item],
        gallery: Sequence[Item],
        chosen_queries: Sequence[int] | IntArray,
        chosen_gallery: Sequence[int] | IntArray,
        parts: tuple[IntArray, ...] | None = None,
    ) -> Trial:
        """The trial of the queries and gallery items at the chosen positions, with the keys of :meth:`removal_key`."""
        numbers: dict[Hashable, int] = {None: -1}

        def keys(items: Sequence[Item], chosen: Sequence[int] | IntArray) -> IntArray:
            each = [numbers.setdefault(self.removal_key(items[i]), len(numbers)) for i in chosen]
            return np.array(each, dtype=np.int64)

        query_key, gallery_key = keys(query, chosen_queries), keys(gallery, chosen_gallery)
        chosen = np.array(chosen_queries, dtype=np.int64), np.array(chosen_gallery, dtype=np.int64)
        return Trial(name, *chosen, query_key, gallery_key, parts)

    def definition(self) -> dict[str, Any]:
        """The protocol as data, for results."""
        fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(self) if dataclasses.is_dataclass(self) else ()
        names = [each.name for each in fields if each.repr]
        shared = ("dataset", "removal", "cmc")
        return {"kind": type(self).__name__, **{name: getattr(self, name) for name in dict.fromkeys((*shared, *names))}}


ItemsByPlace = dict[tuple[int, int], list[int]]
"""(pid, camid) -> positions of its items, in the order of their paths."""


def items_by_place(items: Sequence[Item]) -> ItemsByPlace:
    """Group items by person and camera; identities and cameras ascending."""
    places: ItemsByPlace = {}
    for index in sorted(range(len(items)), key=lambda i: (items[i].pid, items[i].camid, str(items[i].media))):
        places.setdefault((items[index].pid, items[index].camid), []).append(index)
    return places


def draw_agw(places: ItemsByPlace, seed: int, shots: int = 1) -> IntArray:
    """Draw positions as AGW's code does: Python's random seeded once, identities sorted as four-digit
    strings, then cameras, one ``choice`` each.

    Args:
        seed: the number of the trial, from 0.
        shots: images of every person under every camera; above 1 by ``sample``, and all of them
            where there are fewer.
    """
    rng = random.Random(seed)
    drawn: list[int] = []
    for place in sorted(places, key=lambda place: (f"{place[0]:04d}", place[1])):
        images = places[place]
        drawn += [rng.choice(images)] if shots == 1 else rng.sample(images, min(shots, len(images)))
    return np.array(drawn, dtype=np.int64)
