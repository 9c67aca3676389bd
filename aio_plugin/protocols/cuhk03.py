"""CUHK03's classic protocol (Li et al., CVPR 2014): one gallery image a person, drawn again and again."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..modality import Item
from .base import Protocol, Trial
from .draw import Places, places
from .keys import same_camera

REPEATS = 10


class CUHK03Classic(Protocol):
    """Rank-k against a gallery of one random image of every person; the same person and camera is removed.

    A query's own person must be drawn from the other camera, everybody else from either. So every
    repeat has two galleries: of each person one image of a camera tossed for goes into the first and
    one of the other camera into the second, and a query meets the gallery in which its person is seen
    by the other camera. Each query counts once a repeat, as in the common code, which draws
    a gallery for every query, unseeded. Papers print Rank-k alone.

    Args:
        name: of the dataset and split, as it stands in results.
    """

    def __init__(self, name: str) -> None:
        self.name = (
            f"{name}, {REPEATS} repeats of one gallery image a person drawn by Python's random (seeds 0 to "
            f"{REPEATS - 1}), same person and camera removed"
        )

    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield two trials a repeat, less those without queries."""
        found = places(gallery)
        for repeat in range(REPEATS):
            first, second = _draw(found, gallery, repeat)
            in_first = [item.pid in first and gallery[first[item.pid]].camid != item.camid for item in query]
            for half, drawn, wanted in (("a", first, True), ("b", second, False)):
                probes = np.array([i for i, is_first in enumerate(in_first) if is_first is wanted], dtype=np.int64)
                searched = np.array(list(drawn.values()), dtype=np.int64)
                keys = same_camera([query[i] for i in probes], [gallery[i] for i in searched])
                if len(probes):
                    yield Trial(f"repeat {repeat + 1}{half}", probes, searched, *keys)


def _draw(found: Places, gallery: Sequence[Item], seed: int) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """Person -> position of the image drawn, in each of the two galleries; who has one camera is in both."""
    rng = random.Random(seed)
    cameras: dict[int, list[int]] = {}
    for pid, camid in found:
        cameras.setdefault(pid, []).append(camid)
    first, second = {}, {}
    for pid in sorted(cameras):
        tossed = rng.sample(cameras[pid], len(cameras[pid]))
        first[pid] = rng.choice(found[pid, tossed[0]])
        second[pid] = rng.choice(found[pid, tossed[-1]])
    return first, second
