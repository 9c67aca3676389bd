"""CUHK03's classic protocol (Li et al., CVPR 2014): repeated random galleries of one image per person."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..modality import Item
from .base import REMOVAL_RULES, ItemsByPlace, Protocol, RemovalRule, Trial, items_by_place


@dataclass
class CUHK03Classic(Protocol):
    """Rank-k against a gallery of one random image of every person; the same person and camera is removed.

    A query's own person must be drawn from the other camera, everybody else from either. So every
    repeat has two galleries: of each person one image of a random camera goes into the first and
    one of the other camera into the second, and a query searches the gallery in which its person is seen
    by the other camera. Each query counts once per repeat, as in the common code, which draws
    a gallery for every query, unseeded. Papers print Rank-k alone.

    Attributes:
        part: the split, as the name says it.

    Example:
        >>> print(CUHK03Classic("cuhk03_classic_labeled", "split 1 of 20").name)  # doctest: +ELLIPSIS
        cuhk03_classic_labeled, split 1 of 20, 10 repeats of one gallery image a person drawn by Python's random ...
    """

    dataset: str
    part: str = ""
    removal: RemovalRule = field(default="same_camera", init=False)
    repeats: int = 10

    @property
    def name(self) -> str:
        """With the way in which galleries are drawn."""
        return (
            f"{self.dataset}{f', {self.part}' if self.part else ''}, {self.repeats} repeats of one gallery image a "
            f"person drawn by Python's random (seeds 0 to {self.repeats - 1}), {REMOVAL_RULES[self.removal]}"
        )

    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield two trials per repeat, without those that have no queries."""
        places = items_by_place(gallery)
        for repeat in range(self.repeats):
            first, second = _draw(places, gallery, repeat)
            in_first = [item.pid in first and gallery[first[item.pid]].camid != item.camid for item in query]
            for half, drawn, wanted in (("a", first, True), ("b", second, False)):
                probes = [i for i, is_first in enumerate(in_first) if is_first is wanted]
                if probes:
                    yield self.make_trial(f"repeat {repeat + 1}{half}", query, gallery, probes, [*drawn.values()])


def _draw(places: ItemsByPlace, gallery: Sequence[Item], seed: int) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """Person -> position of the image drawn, in each of the two galleries; persons of one camera are in both."""
    rng = random.Random(seed)
    cameras: dict[int, list[int]] = {}
    for pid, camid in places:
        cameras.setdefault(pid, []).append(camid)
    first, second = {}, {}
    for pid in sorted(cameras):
        shuffled = rng.sample(cameras[pid], len(cameras[pid]))
        first[pid] = rng.choice(places[pid, shuffled[0]])
        second[pid] = rng.choice(places[pid, shuffled[-1]])
    return first, second
