"""Removal keys: equal keys of a query and a gallery item take that item out of that query's ranking."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from ..modality import Item
from .base import Ints

NONE = -1
"""The key that removes nothing."""


def no_keys(count: int) -> Ints:
    """(count,) keys that remove nothing."""
    return np.full(count, NONE, dtype=np.int64)


def shared_keys(query: Sequence[Item], gallery: Sequence[Item], rule: Callable[[Item], Hashable]) -> tuple[Ints, Ints]:
    """(Q,), (G,) keys that are equal exactly where ``rule`` gives equal values.

    Args:
        rule: what an item is compared by, for example its person and camera.
    """
    numbers: dict[Hashable, int] = {}
    sides = [[numbers.setdefault(rule(item), len(numbers)) for item in items] for items in (query, gallery)]
    of_query, of_gallery = (np.array(side, dtype=np.int64) for side in sides)
    return of_query, of_gallery


def same_camera(query: Sequence[Item], gallery: Sequence[Item]) -> tuple[Ints, Ints]:
    """Market-1501's rule: the same person under the same camera leaves."""
    return shared_keys(query, gallery, lambda item: (item.pid, item.camid))
