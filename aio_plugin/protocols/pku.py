"""PKU-Sketch (Pang et al., ACM MM 2018): several splits of the people, sketches against photos in each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from ..errors import ProtocolError
from ..modality import Item
from .base import Ints, Protocol, Trial
from .keys import no_keys


class PKUSketch(Protocol):
    """One trial a split: the sketches of its test persons against their photos, nothing removed.

    Args:
        splits: raw identities of the test persons of every split.

    Raises:
        ProtocolError: there is no split, or one is empty.
    """

    def __init__(self, splits: Sequence[Collection[int]]) -> None:
        if not splits or not all(splits):
            raise ProtocolError("pku_sketch: needs at least one split, and persons in every one; check the lists.")
        self.splits = [frozenset(split) for split in splits]
        sizes = sorted({len(split) for split in self.splits})
        persons = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        self.name = f"pku_sketch, {len(self.splits)} splits of {persons} test persons, nothing removed"

    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield one trial a split."""
        for number, split in enumerate(self.splits, 1):
            sketches, photos = _of(split, query), _of(split, gallery)
            yield Trial(f"split {number}", sketches, photos, no_keys(len(sketches)), no_keys(len(photos)))


def _of(split: Collection[int], items: Sequence[Item]) -> Ints:
    return np.array([index for index, item in enumerate(items) if item.pid in split], dtype=np.int64)
