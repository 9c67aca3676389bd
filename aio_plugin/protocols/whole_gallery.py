"""Protocols that search the whole gallery: Market-1501, CUHK-PEDES, Tri-CUHK-PEDES, MaSk1K, ORBench and their kin."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..modality import Item, format_combination
from .base import REMOVAL_RULES, Protocol, RemovalRule, Trial

Grouping = Literal["none", "person", "combination"]
_GROUPINGS: dict[Grouping, str] = {
    "none": "",
    "person": ", mean of the features of all queries of a person",
    "combination": ", one trial for every combination",
}


@dataclass
class WholeGallery(Protocol):
    """All queries against all of the gallery.

    Attributes:
        part: what of the dataset is searched, and how, as the name says it; "" if that is clear.
        removal: ``"none"``, ``"same_camera"`` or ``"source"``.
        grouping: ``"none"`` is one trial of all queries. ``"person"`` makes one query of everything there is of a
            person, its feature the mean of theirs (MaSk1K's multi-query mode). ``"combination"`` is a trial for every
            combination of modalities, the first modality told apart from the others (ORBench): the mean over trials
            gives every combination the same weight, however many queries it has.

    Example:
        >>> WholeGallery("market1501", "same_camera").name
        'market1501, same person and camera removed'
        >>> WholeGallery("mask1k", part="multi-query", grouping="person").name
        'mask1k, multi-query, mean of the features of all queries of a person, nothing removed'
    """

    dataset: str
    removal: RemovalRule = "none"
    part: str = ""
    grouping: Grouping = "none"
    similarity_distribution: bool = False
    variants: Sequence[Protocol] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """For example ``market1501, same person and camera removed``."""
        searched = f"{self.dataset}, {self.part}" if self.part else self.dataset
        return f"{searched}{_GROUPINGS[self.grouping]}, {REMOVAL_RULES[self.removal]}"

    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield the one trial, or one per combination; persons and combinations in the order of their first query."""
        groups: dict[Hashable, list[int]] = {}
        for index, item in enumerate(query):
            kind = {"none": None, "person": item.pid, "combination": item.media.combination}[self.grouping]
            groups.setdefault(kind, []).append(index)
        parts = None
        trials = {"all": list(range(len(query)))}
        if self.grouping == "combination":
            trials = {format_combination(query[at[0]].media.combination): at for at in groups.values()}
        elif self.grouping == "person":
            parts = tuple(np.array(members, dtype=np.int64) for members in groups.values())
            trials = {"all": [members[0] for members in groups.values()]}
        for name, chosen in trials.items():
            yield self.make_trial(name, query, gallery, chosen, range(len(gallery)), parts)
