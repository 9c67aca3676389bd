"""Drawing a few images of every person under every camera, as the RGB-infrared protocols do."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from ..modality import Item
from .base import Ints

Places = dict[tuple[int, int], list[int]]
"""(pid, camid) -> positions of its items, in the order of their paths."""


def places(items: Sequence[Item]) -> Places:
    """Where every person was seen; identities and cameras in rising order."""
    found: Places = {}
    for index in sorted(range(len(items)), key=lambda i: (items[i].pid, items[i].camid, str(items[i].media))):
        found.setdefault((items[index].pid, items[index].camid), []).append(index)
    return found


def draw_agw(found: Places, seed: int, shots: int = 1) -> Ints:
    """Positions drawn as AGW's code draws: Python's random seeded once, identities sorted as four-digit
    strings, then cameras, one ``choice`` each.

    Args:
        seed: the number of the trial, from 0.
        shots: images of every person under every camera; above 1 by ``sample``, and all of them
            where there are fewer.
    """
    rng = random.Random(seed)
    drawn: list[int] = []
    for place in sorted(found, key=lambda place: (f"{place[0]:04d}", place[1])):
        here = found[place]
        drawn += [rng.choice(here)] if shots == 1 else rng.sample(here, min(shots, len(here)))
    return np.array(drawn, dtype=np.int64)
