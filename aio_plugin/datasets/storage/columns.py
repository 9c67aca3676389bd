"""What training must know of all items at once, without the items: numbers in columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ...modality import Item, Modality

ROW = np.dtype([("pids", np.int64), ("camids", np.int64), ("modalities", np.uint8), ("partners", np.uint16)])


class Columns(NamedTuple):
    """The numbers of N items.

    Attributes:
        pids, camids: (N,) whole numbers.
        modalities: (N,) uint8 the index of the medium's modality.
        partners: (N,) uint16 which modalities its partners have: the sum of their ``bit``.
    """

    pids: NDArray[np.integer[Any]]
    camids: NDArray[np.integer[Any]]
    modalities: NDArray[np.uint8]
    partners: NDArray[np.uint16]

    def of(self, modality: Modality) -> NDArray[np.bool_]:
        """(N,) which items' own medium has the modality."""
        found: NDArray[np.bool_] = self.modalities == modality.index
        return found

    def beside(self, modality: Modality) -> NDArray[np.bool_]:
        """(N,) which items have a partner of the modality."""
        return (self.partners & bit(modality)).astype(bool)


@runtime_checkable
class Columnar(Protocol):
    """A sequence of items that knows their numbers without making them."""

    def columns(self) -> Columns:
        """The numbers of all items, in their order."""


def bit(modality: Modality) -> int:
    """What stands for a modality in ``Columns.partners``."""
    return 1 << modality.index


def columns_of(items: Sequence[Item]) -> Columns:
    """The numbers of the items: as the sequence says, or else by a look at each."""
    if isinstance(items, Columnar):
        return items.columns()
    table = np.fromiter((_row(item) for item in items), ROW, len(items))
    return Columns(*(table[name] for name in Columns._fields))


def _row(item: Item) -> tuple[int, int, int, int]:
    partners = sum({bit(partner.modality) for partner in item.media.partners})
    return item.pid, item.camid, item.media.modality.index, partners
