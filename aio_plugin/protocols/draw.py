"""Random galleries of a few images of every person under every camera, as the RGB-infrared protocols use."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from ..metrics.ranking import IntArray
from ..modality import Item

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
