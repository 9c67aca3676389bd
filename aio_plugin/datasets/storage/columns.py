"""The numbers of all items of a dataset in columns: what training must know of them at once."""

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
        partners: (N,) uint16 the modalities of its partners: the sum of their ``bit``.
    """

    pids: NDArray[np.integer[Any]]
    camids: NDArray[np.integer[Any]]
    modalities: NDArray[np.uint8]
    partners: NDArray[np.uint16]

    def of(self, modality: Modality) -> NDArray[np.bool_]:
        """(N,) which items' own medium has the modality."""
        mask: NDArray[np.bool_] = self.modalities == modality.index
        return mask

    def beside(self, modality: Modality) -> NDArray[np.bool_]:
        """(N,) which items have a partner of the modality."""
        return (self.partners & bit(modality)).astype(bool)


@runtime_checkable
class Columnar(Protocol):
    """A sequence of items that knows their numbers without making them."""

    def columns(self) -> Columns:
        """The numbers of all items, in their order."""


def bit(modality: Modality) -> int:
    """The bit of a modality in ``Columns.partners``."""
    return 1 << modality.index


def columns_of(items: Sequence[Item]) -> Columns:
    """The numbers of the items, from the sequence itself or from each item."""
    if isinstance(items, Columnar):
        return items.columns()
    table = np.fromiter((_row(item) for item in items), ROW, len(items))
    return Columns(*(table[name] for name in Columns._fields))


def _row(item: Item) -> tuple[int, int, int, int]:
    partners = sum({bit(partner.modality) for partner in item.media.partners})
    return item.pid, item.camid, item.media.modality.index, partners
