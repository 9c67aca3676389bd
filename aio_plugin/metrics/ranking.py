"""Rankings of a gallery by rows of distances: who is removed, where the matches stand, who comes first.

A ranking is a total order: by distance, and by position in the gallery where distances are equal.
"""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..errors import ProtocolError
from .counting import NOT_A_NUMBER, GalleryPositions, IntArray, count_before

LAST = torch.iinfo(torch.int64).max
"""The sort key of a removed gallery item, and the rank of a match that does not exist: after everything else."""
FEW = 128
"""Mean number of matches per query up to which counting the items before each match is faster than sorting."""
_NOBODY = torch.iinfo(torch.int64).min  # a removal key that no gallery item has

RemovalKeys: TypeAlias = tuple[ArrayLike, ArrayLike]
Removal: TypeAlias = Literal["same_camera", "none"] | RemovalKeys
"""``"same_camera"``: gallery images of the query's person by the query's camera are removed, as in Market-1501 and in
torchreid; ``"none"``; or keys (Q,), (G,): gallery item j is removed from the ranking of query i where
``q_keys[i] == g_keys[j] >= 0``."""


def as_labels(values: ArrayLike) -> IntArray:
    """Identities, cameras or keys as int64, from a tensor on any device or from anything numpy reads."""
    array = values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    return array.astype(np.int64)


def removal_keys(
    removal: Removal,
    q_pids: ArrayLike,
    g_pids: ArrayLike,
    q_camids: ArrayLike | None,
    g_camids: ArrayLike | None,
) -> tuple[ArrayLike | None, ArrayLike | None]:
    """The keys (Q,), (G,) of a removal rule; None, None if nothing is removed.

    Raises:
        ProtocolError: the rule is unknown, or cameras are missing or do not fit the identities.
    """
    if isinstance(removal, tuple) and len(removal) == 2:
        return removal
    if removal == "none":
        return None, None
    if removal != "same_camera":
        raise ProtocolError(f"removal is {removal!r}; use 'same_camera', 'none' or a tuple of keys (Q,) and (G,).")
    if q_camids is None or g_camids is None:
        raise ProtocolError("removal='same_camera' needs q_camids and g_camids; pass them, or removal='none'.")
    sides = [(as_labels(q_pids), as_labels(q_camids)), (as_labels(g_pids), as_labels(g_camids))]
    for pids, camids in sides:
        if pids.shape != camids.shape:
            raise ProtocolError(
                f"There are {len(pids)} identities, but {len(camids)} cameras; pass one of each for every image."
            )
    both = (np.concatenate(each) for each in zip(*sides, strict=True))
    (_, person), (cameras, camera) = (np.unique(labels, return_inverse=True) for labels in both)
    keys = person * len(cameras) + camera
    return keys[: len(sides[0][0])], keys[len(sides[0][0]) :]


def order_keys(distances: Tensor) -> Tensor:
    """(B, G) distances -> (B, G) int64 keys, ascending with the distance, and with the position where it is equal.

    The keys of a row are unique, so every way of sorting or counting them gives the order of a stable
    sort. A float32 distance is the upper half of its key, the position the lower; a float64
    distance does not fit, and its key is its place in a stable sort.

    Raises:
        ProtocolError: a distance is not a number.
    """
    if torch.isnan(distances).any():
        raise ProtocolError(NOT_A_NUMBER)
    if distances.dtype == torch.float64:
        return distances.argsort(dim=1, stable=True).argsort(dim=1)
    bits = (distances.float() + 0.0).view(torch.int32)  # + 0.0 makes -0.0 equal to 0.0
    ascending = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # negative floats order backwards as integers
    return (ascending.long() << 32) | torch.arange(distances.shape[1], device=distances.device)


class LabelGroups:
    """Positions of the items that have a query's label, without comparing every query with every item.

    Args:
        labels: (G,) int64, of the items.
        wanted: (Q,) int64, of the queries.
    """

    def __init__(self, labels: Tensor, wanted: Tensor) -> None:
        in_order, self._order = labels.sort(stable=True)
        self._first = torch.searchsorted(in_order, wanted)
        self._count = torch.searchsorted(in_order, wanted, right=True) - self._first

    def members(self, start: int, rows: int) -> tuple[Tensor, Tensor]:
        """The items with the labels of queries ``start`` to ``start + B``.

        Returns:
            (B, M) positions, ascending, and (B, M) bool, which of them count: the first few; M is the
            largest group, at least 1.
        """
        first, count = self._first[start : start + rows], self._count[start : start + rows]
        steps = torch.arange(max(1, int(count.max())) if len(count) else 1, device=count.device)
        at = (first[:, None] + steps).clamp_max(len(self._order) - 1)
        positions = self._order.index_select(0, at.flatten()).view_as(at)  # where take() would wake torch's threads
        return positions, steps < count[:, None]


class BlockRanking(NamedTuple):
    """The rankings of a block of queries.

    Attributes:
        ranks: (B, M) 1-based ranks of the matches among images, ascending, padded with LAST.
        first: (B,) rank of the best match, among images or identities; undefined where there is no match.
        left: (B,) number of gallery items that are not removed.
        top: (B, k) gallery positions in the order of the ranking, -1 where removal left fewer.
        top_distances: (B, k) their distances.
    """

    ranks: Tensor
    first: Tensor
    left: Tensor
    top: Tensor
    top_distances: Tensor


class Ranking:
    """Queries and gallery by identity and removal key; ranks come from rows of distances.

    Args:
        q_pids, g_pids: (Q,), (G,) identities.
        q_keys, g_keys: (Q,), (G,) removal keys, see :data:`Removal`. None removes nothing.
        device: where rankings are computed.

    Raises:
        ProtocolError: lengths differ, or there are no queries or no gallery.
    """

    def __init__(
        self,
        q_pids: ArrayLike,
        g_pids: ArrayLike,
        q_keys: ArrayLike | None = None,
        g_keys: ArrayLike | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if (q_keys is None) != (g_keys is None):
            raise ProtocolError("Removal keys are needed of both queries and gallery, or of neither.")
        self.device = torch.device(device)
        self.q_pids, self.g_pids = self._labels(q_pids), self._labels(g_pids)
        keys = None if q_keys is None or g_keys is None else (self._labels(q_keys), self._labels(g_keys))
        if not len(self.q_pids) or not len(self.g_pids):
            raise ProtocolError(f"Nothing to rank: {len(self.q_pids)} queries, {len(self.g_pids)} in the gallery.")
        if keys and (len(keys[0]), len(keys[1])) != (len(self.q_pids), len(self.g_pids)):
            raise ProtocolError("There must be one removal key for every identity.")
        self._matches = LabelGroups(self.g_pids, self.q_pids)
        self._removed = keys and LabelGroups(keys[1], keys[0].where(keys[0] >= 0, _NOBODY))

    def _labels(self, values: ArrayLike) -> Tensor:
        return torch.from_numpy(as_labels(values)).to(self.device)

    def rank(self, distances: Tensor, start: int, identities: bool = False, topk: int = 0) -> BlockRanking:
        """Rank the gallery for queries ``start`` to ``start + B``.

        Args:
            distances: (B, G) float32 or float64; not changed.
            identities: count identities for the best match, each ranked where its best image is.
            topk: gallery items to return, at most G.

        Raises:
            ProtocolError: the distances are not of these queries and this gallery, or not numbers.
        """
        left = len(self.q_pids) - start
        if distances.ndim != 2 or len(distances) > left or distances.shape[1] != len(self.g_pids):
            raise ProtocolError(
                f"Distances {tuple(distances.shape)} do not fit {left} queries x {len(self.g_pids)} in the gallery; "
                f"pass rows in the order of the identities."
            )
        topk = min(topk, len(self.g_pids))
        distances = distances.detach().to(self.device)
        at, meant = self._matches.members(start, len(distances))
        gone, is_gone = self._gone(start, len(distances))
        remaining = len(self.g_pids) - is_gone.sum(1)
        if not identities and self.device.type == "cpu" and int(meant.sum()) <= FEW * len(at):
            matches = GalleryPositions(at.numpy(), meant.numpy())
            removed = GalleryPositions(gone.numpy(), is_gone.numpy())
            ranks = torch.from_numpy(count_before(distances.numpy(), matches, removed)) + 1
            ranks = ranks.masked_fill_(ranks == 0, LAST).sort(dim=1).values
            return BlockRanking(ranks, ranks[:, 0], remaining, *_nearest(distances, gone, is_gone, topk))
        keys = _remove(order_keys(distances), gone, is_gone, LAST)
        matched = keys.gather(1, at).masked_fill_(~meant, LAST).sort(dim=1).values
        ranks = match_ranks(keys, matched).masked_fill_(matched == LAST, LAST)
        first = self._identity_ranks(keys, matched[:, 0]) if identities else ranks[:, 0]
        return BlockRanking(ranks, first, remaining, *_nearest_by_key(keys, distances, topk))

    def _gone(self, start: int, rows: int) -> tuple[Tensor, Tensor]:
        """(B, N) positions and (B, N) bool, which of them count: the removed gallery items."""
        if self._removed is None:
            return self.q_pids.new_empty(rows, 0), self.q_pids.new_empty(rows, 0, dtype=torch.bool)
        return self._removed.members(start, rows)

    def _identity_ranks(self, keys: Tensor, best: Tensor) -> Tensor:
        """(B, G) keys, (B,) key of the best match -> (B,) 1-based ranks among identities."""
        count, identity = self._identities
        best_of_each = keys.new_full((len(keys), count), LAST)
        best_of_each.scatter_reduce_(1, identity.expand_as(keys), keys, "amin")
        return (best_of_each < best[:, None]).sum(1) + 1

    @functools.cached_property
    def _identities(self) -> tuple[int, Tensor]:
        """Number of identities, and (G,) the index of each image's."""
        distinct, identity = self.g_pids.unique(return_inverse=True)
        return len(distinct), identity


def match_ranks(keys: Tensor, matched: Tensor) -> Tensor:
    """Ranks of the matches among images, without sorting the ranking: counts what falls between two matches.

    Args:
        keys: (B, G), see :func:`order_keys`.
        matched: (B, M) keys of the matches, ascending, padded with LAST.

    Returns:
        (B, M) 1-based; undefined where ``matched`` is LAST.
    """
    places = matched.shape[1] + 1
    between = torch.searchsorted(matched, keys)
    between += torch.arange(len(keys), device=keys.device)[:, None] * places
    counts = torch.bincount(between.flatten(), minlength=len(keys) * places)
    return counts.view(len(keys), places)[:, :-1].cumsum(1)


def _remove(values: Tensor, gone: Tensor, is_gone: Tensor, last: float) -> Tensor:
    """Set the removed positions of ``values`` (B, G) to ``last``, in place."""
    values[is_gone.nonzero()[:, 0], gone[is_gone]] = last
    return values


def _nearest(distances: Tensor, gone: Tensor, is_gone: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Positions and distances (B, k) of the nearest items, by partial selection.

    Equal distances at the end of the selection would be picked at random, so such blocks are selected by key.
    """
    if not k:
        return distances[:, :0].long(), distances[:, :0]
    left = _remove(distances.clone(), gone, is_gone, torch.inf)
    best = left.topk(min(k + 1, left.shape[1]), largest=False)
    last, following = best.values[:, k - 1], best.values[:, k:]
    if last.isinf().any() or (following == last[:, None]).any():
        return _nearest_by_key(_remove(order_keys(distances), gone, is_gone, LAST), distances, k)
    top = best.indices[:, :k].sort(dim=1).values
    values, order = left.gather(1, top).sort(dim=1, stable=True)
    return top.gather(1, order), values


def _nearest_by_key(keys: Tensor, distances: Tensor, k: int) -> tuple[Tensor, Tensor]:
    best = keys.topk(k, largest=False)
    return best.indices.masked_fill(best.values == LAST, -1), distances.gather(1, best.indices)
