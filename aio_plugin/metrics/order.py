"""Distances as integers: one total order that ties cannot upset, whatever sorts it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..errors import ProtocolError

NOT_A_NUMBER = "A distance is not a number. Check the features: an untrained or diverged model, or a broken image."
LAST = torch.iinfo(torch.int64).max
"""The key of a gallery item that takes no part: after everything else."""


def as_labels(values: ArrayLike) -> NDArray[np.int64]:
    """Identities, cameras or keys as numpy's integers, wherever they are."""
    array = values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    return array.astype(np.int64)


def order_keys(distances: Tensor) -> Tensor:
    """(B, G) distances -> (B, G) int64 keys, ascending as the distances, and by position where those are equal.

    Keys of a row are unique, so every way of sorting or counting them gives the order of a stable
    sort. A float32 distance fills the upper half of its key, the position the lower; a float64
    one does not fit, and its key is its place in a stable sort.

    Raises:
        ProtocolError: a distance is not a number.
    """
    if torch.isnan(distances).any():
        raise ProtocolError(NOT_A_NUMBER)
    if distances.dtype == torch.float64:
        return distances.argsort(dim=1, stable=True).argsort(dim=1)
    bits = (distances.float() + 0.0).view(torch.int32)  # + 0.0 makes -0.0 equal to 0.0
    ascending = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # below zero, floats order backwards as integers
    return (ascending.long() << 32) | torch.arange(distances.shape[1], device=distances.device)


class Groups:
    """Where the items stand that have the labels looked for, found without comparing every query with every item.

    Args:
        labels: (G,) int64, of the items.
        wanted: (Q,) int64, of the queries.
    """

    def __init__(self, labels: Tensor, wanted: Tensor) -> None:
        found, self._order = labels.sort(stable=True)
        self._first = torch.searchsorted(found, wanted)
        self._count = torch.searchsorted(found, wanted, right=True) - self._first

    def members(self, start: int, rows: int) -> tuple[Tensor, Tensor]:
        """Positions of the items that queries ``start`` to ``start + B`` look for.

        Returns:
            (B, M) positions, ascending, and (B, M) bool, which of them are meant: the first few; M is the
            largest group, at least 1.
        """
        first, count = self._first[start : start + rows], self._count[start : start + rows]
        steps = torch.arange(max(1, int(count.max())) if len(count) else 1, device=count.device)
        at = (first[:, None] + steps).clamp_max(len(self._order) - 1)
        positions = self._order.index_select(0, at.flatten()).view_as(at)  # where take() would wake torch's threads
        return positions, steps < count[:, None]
