"""Distances as integers: one total order that ties cannot upset, whatever sorts it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import ProtocolError

LAST = torch.iinfo(torch.int64).max
"""The key of a gallery item that takes no part: after everything else."""


def order_keys(distances: Tensor) -> Tensor:
    """(B, G) distances -> (B, G) int64 keys, ascending as the distances, and by position where those are equal.

    Keys of a row are unique, so every way of sorting or counting them gives the order of a stable
    sort. A float32 distance fills the upper half of its key, the position the lower; a float64
    one does not fit, and its key is its place in a stable sort.

    Raises:
        ProtocolError: a distance is not a number.
    """
    if torch.isnan(distances).any():
        raise ProtocolError(
            "A distance is not a number. Check the features: an untrained or diverged model, or a broken image."
        )
    if distances.dtype == torch.float64:
        return distances.argsort(dim=1, stable=True).argsort(dim=1)
    bits = (distances.float() + 0.0).view(torch.int32)  # + 0.0 makes -0.0 equal to 0.0
    ascending = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # below zero, floats order backwards as integers
    return (ascending.long() << 32) | torch.arange(distances.shape[1], device=distances.device)


class Groups:
    """Where equal labels stand in a gallery, found without comparing every query with every item.

    Args:
        labels: (G,) int64.
    """

    def __init__(self, labels: Tensor) -> None:
        self.sorted, self.order = labels.sort(stable=True)

    def members(self, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Positions of the items that have the wanted labels.

        Args:
            wanted: (B,) int64.

        Returns:
            (B, M) positions and (B, M) bool, which of them are meant; M is the largest group, at least 1.
        """
        first = torch.searchsorted(self.sorted, wanted)
        count = torch.searchsorted(self.sorted, wanted, right=True) - first
        steps = torch.arange(max(1, int(count.max())) if len(count) else 1, device=wanted.device)
        at = (first[:, None] + steps).clamp_max(len(self.sorted) - 1)
        return self.order[at], steps < count[:, None]
