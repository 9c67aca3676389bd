"""Rankings of a gallery by rows of distances: who is removed, where the matches stand, who comes first.

A ranking is a total order: by distance, and by position in the gallery where distances are equal.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ProtocolError
from .labels import IntArray, LabelColumn, joint_labels, shown
from .threads import in_shares

Row = NDArray[np.floating[Any]]

NOT_A_NUMBER = "A distance is not a number. Check the features: an untrained or diverged model, or a broken image."

LAST = np.iinfo(np.int64).max
"""The rank of a match that does not exist: after everything else."""
_NOBODY = np.iinfo(np.int64).min  # a removal key that no gallery item has

RemovalKeys: TypeAlias = tuple[LabelColumn, LabelColumn]
Removal: TypeAlias = Literal["same_camera", "none"] | RemovalKeys
"""``"same_camera"``: gallery images of the query's person by the query's camera are removed, as in Market-1501 and in
torchreid; ``"none"``; or keys (Q,), (G,): gallery item j is removed from the ranking of query i where
``q_keys[i] == g_keys[j] >= 0``."""


def removal_keys(
    removal: Removal,
    q_pids: LabelColumn,
    g_pids: LabelColumn,
    q_camids: LabelColumn | None,
    g_camids: LabelColumn | None,
) -> tuple[LabelColumn | None, LabelColumn | None]:
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
    people, cameras = joint_labels(q_pids, g_pids, "identities"), joint_labels(q_camids, g_camids, "cameras")
    for pids, camids in zip(people, cameras, strict=True):
        if len(pids) != len(camids):
            raise ProtocolError(
                f"There are {len(pids)} identities, but {len(camids)} cameras; pass one of each for every image."
            )
    person, camera = (np.unique(np.concatenate(both), return_inverse=True)[1] for both in (people, cameras))
    keys = person * (camera.max(initial=0) + 1) + camera
    return keys[: len(people[0])], keys[len(people[0]) :]


class LabelGroups:
    """Positions of the items that have a query's label, without comparing every query with every item.

    Args:
        labels: (G,) of the items.
        wanted: (Q,) of the queries.
    """

    def __init__(self, labels: IntArray, wanted: IntArray) -> None:
        self._order = labels.argsort(kind="stable")
        in_order = labels[self._order]
        self._first, self._end = (np.searchsorted(in_order, wanted, side) for side in ("left", "right"))
        self.counts = self._end - self._first

    def members(self, query: int) -> IntArray:
        """Positions of the items with the label of a query, ascending."""
        return self._order[self._first[query] : self._end[query]]


class BlockRanking(NamedTuple):
    """The rankings of a block of queries, on the CPU.

    Attributes:
        ranks: (B, M) 1-based ranks of the matches among images, ascending, padded with LAST.
        first: (B,) rank of the best match, among images or identities; LAST where there is no match.
        left: (B,) number of gallery items that are not removed.
        top: (B, k) gallery positions in the order of the ranking, -1 where removal left fewer.
        top_distances: (B, k) their distances, infinite where there is no item.
    """

    ranks: Tensor
    first: Tensor
    left: Tensor
    top: Tensor
    top_distances: Tensor


class Ranking:
    """Queries and gallery by identity and removal key; ranks come from rows of distances.

    Args:
        q_pids, g_pids: (Q,), (G,) identities, integers or strings.
        q_keys, g_keys: (Q,), (G,) removal keys, see :data:`Removal`. None removes nothing.

    Raises:
        ProtocolError: lengths differ, labels are of another type, or there are no queries or no gallery.

    Attributes:
        q_pids, g_pids: (Q,), (G,) int64 that are equal where the identities are.
        first_wanted: the identity of the first query, for messages.
    """

    def __init__(
        self,
        q_pids: LabelColumn,
        g_pids: LabelColumn,
        q_keys: LabelColumn | None = None,
        g_keys: LabelColumn | None = None,
    ) -> None:
        if (q_keys is None) != (g_keys is None):
            raise ProtocolError("Removal keys are needed of both queries and gallery, or of neither.")
        self.q_pids, self.g_pids = joint_labels(q_pids, g_pids, "identities")
        if not len(self.q_pids) or not len(self.g_pids):
            raise ProtocolError(f"Nothing to rank: {len(self.q_pids)} queries, {len(self.g_pids)} in the gallery.")
        wanted, keys = np.full_like(self.q_pids, _NOBODY), np.zeros_like(self.g_pids)
        if q_keys is not None and g_keys is not None:
            wanted, keys = joint_labels(q_keys, g_keys, "removal keys")
        if (len(wanted), len(keys)) != (len(self.q_pids), len(self.g_pids)):
            raise ProtocolError("There must be one removal key for every identity.")
        self.first_wanted = shown(next(iter(q_pids)))
        self._matches = LabelGroups(self.g_pids, self.q_pids)
        self._removed = LabelGroups(keys.clip(-1), np.where(wanted >= 0, wanted, _NOBODY))

    def removed(self, query: int) -> IntArray:
        """Positions of the gallery items that are removed from a query's ranking."""
        return self._removed.members(query)

    def rank(self, distances: Tensor, start: int, identities: bool = False, topk: int = 0) -> BlockRanking:
        """Rank the gallery for queries ``start`` to ``start + B``.

        Args:
            distances: (B, G) float32 or float64, on any device; not changed.
            identities: count identities for the best match, each ranked where its best image is.
            topk: gallery items to return, at most G.

        Raises:
            ProtocolError: the distances are not of these queries and this gallery, or not numbers.
        """
        queries, size = len(self.q_pids) - start, len(self.g_pids)
        if distances.ndim != 2 or len(distances) > queries or distances.shape[1] != size:
            raise ProtocolError(
                f"Distances {tuple(distances.shape)} do not fit {queries} queries x {size} in the gallery; "
                f"pass rows in the order of the identities."
            )
        rows, topk = distances.detach().cpu().numpy(), min(topk, size)
        counts = self._matches.counts[start : start + len(rows)]
        ranks = np.full((len(rows), max(1, *counts)), LAST)
        first, left = np.full(len(rows), LAST), size - self._removed.counts[start : start + len(rows)]
        top, top_distances = np.full((len(rows), topk), -1), np.full((len(rows), topk), np.inf, rows.dtype)

        def rank_rows(some: slice) -> None:
            for b in range(len(rows))[some]:
                row, gone, at = rows[b].copy(), self.removed(start + b), self._matches.members(start + b)
                if np.isnan(row).any():
                    raise ProtocolError(NOT_A_NUMBER)
                row[gone] = np.nan  # sorted last, neither smaller nor equal
                in_order, at = np.sort(row), at[~np.isnan(row[at])]
                before = _count_before(row, in_order, at)
                ranks[b, : len(at)] = np.sort(before) + 1
                if len(at):
                    best = at[before.argmin()]
                    first[b] = self._identities_before(row, best) + 1 if identities else ranks[b, 0]
                if topk:
                    nearest = _nearest(row, in_order[min(topk, size - len(gone)) - 1])[:topk]
                    top[b, : len(nearest)], top_distances[b, : len(nearest)] = nearest, row[nearest]

        in_shares(len(rows), rank_rows)
        return BlockRanking(*map(torch.from_numpy, (ranks, first, left, top, top_distances)))

    def _identities_before(self, row: Row, position: int) -> int:
        """Number of identities that have an item before the one at ``position``."""
        before = row < row[position]
        before[:position] |= row[:position] == row[position]
        return len(np.unique(self.g_pids[before]))


def _count_before(row: Row, in_order: Row, at: IntArray) -> IntArray:
    """(N,) items of ``row`` (G,) before each of those at ``at`` (N,); ``in_order`` is the sorted row."""
    before = np.searchsorted(in_order, row[at])
    for tied in np.flatnonzero(np.searchsorted(in_order, row[at], "right") > before + 1):
        before[tied] += np.count_nonzero(row[: at[tied]] == row[at[tied]])
    return before


def _nearest(row: Row, limit: float) -> IntArray:
    """Positions of the items up to the distance ``limit``, in the order of the ranking."""
    nearest = np.flatnonzero(row <= limit)
    return nearest[row[nearest].argsort(kind="stable")]
