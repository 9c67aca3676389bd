"""Who is in a gallery, which queries look for whom, and who stands where in a ranking."""

from __future__ import annotations

import functools

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..errors import ProtocolError
from .counting import Places, count_before
from .order import LAST, Groups, as_labels, order_keys

FEW = 128
"""Matches a query, on average, up to which counting who is before each of them beats ordering the gallery."""
_NOBODY = torch.iinfo(torch.int64).min  # a key that no gallery item has


class Ranking:
    """Queries and gallery by identity and removal key; ranks come from rows of distances.

    Args:
        q_pids, g_pids: (Q,), (G,) identities.
        q_keys, g_keys: (Q,), (G,) removal keys; gallery item j leaves the ranking of query i where
            ``q_keys[i] == g_keys[j] >= 0``. None removes nothing.
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
        self._matches = Groups(self.g_pids, self.q_pids)
        self._removed = keys and Groups(keys[1], keys[0].where(keys[0] >= 0, _NOBODY))

    def _labels(self, values: ArrayLike) -> Tensor:
        return torch.from_numpy(as_labels(values)).to(self.device)

    def find(self, distances: Tensor, start: int, identities: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Where the matches of queries ``start`` to ``start + B`` stand.

        Args:
            distances: (B, G) float32 or float64.
            identities: count identities for the best match, each standing where its best image does.

        Returns:
            (B, M) 1-based ranks of the matches among images, ascending, filled up with LAST; (B,) that of
            the best match, without meaning where there is none; (B,) how many images are left.

        Raises:
            ProtocolError: the distances are not of these queries and this gallery, or not numbers.
        """
        if not identities and self.device.type == "cpu":
            self._check(distances, start)
            at, meant = self._matches.members(start, len(distances))
            if int(meant.sum()) <= FEW * len(at):
                return self._count(distances, start, at, meant)
        keys, left = self.keys(distances, start)
        found, _ = self.matches(keys, start)
        ranks = match_ranks(keys, found).masked_fill_(found == LAST, LAST)
        return ranks, self.identity_ranks(keys, found[:, 0]) if identities else ranks[:, 0], left

    def _count(self, distances: Tensor, start: int, at: Tensor, meant: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        gone, is_gone = self._gone(start, len(at))
        matches, removed = Places(at.numpy(), meant.numpy()), Places(gone.numpy(), is_gone.numpy())
        before = count_before(distances.detach().cpu().numpy(), matches, removed)
        ranks = torch.from_numpy(before) + 1
        ranks = ranks.masked_fill_(ranks == 0, LAST).sort(dim=1).values
        return ranks, ranks[:, 0], distances.shape[1] - is_gone.sum(1)

    def _check(self, distances: Tensor, start: int) -> None:
        left = len(self.q_pids) - start
        if distances.ndim != 2 or len(distances) > left or distances.shape[1] != len(self.g_pids):
            raise ProtocolError(
                f"Distances {tuple(distances.shape)} do not fit {left} queries x {len(self.g_pids)} in the gallery; "
                f"pass rows in the order of the identities."
            )

    def _gone(self, start: int, rows: int) -> tuple[Tensor, Tensor]:
        """(B, N) positions and (B, N) bool, which of them are meant: who leaves the rankings."""
        if self._removed is None:
            return self.q_pids.new_empty(rows, 0), self.q_pids.new_empty(rows, 0, dtype=torch.bool)
        return self._removed.members(start, rows)

    def keys(self, distances: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """The ranking of queries ``start`` to ``start + B``.

        Args:
            distances: (B, G).

        Returns:
            (B, G) int64 keys, ascending along the ranking, LAST where removed; (B,) how many are left.

        Raises:
            ProtocolError: the distances are not of these queries and this gallery, or not numbers.
        """
        self._check(distances, start)
        keys = order_keys(distances.to(self.device))
        at, meant = self._gone(start, len(keys))
        keys[meant.nonzero()[:, 0], at[meant]] = LAST
        return keys, keys.shape[1] - meant.sum(1)

    def matches(self, keys: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """The matches of queries ``start`` to ``start + B``.

        Args:
            keys: (B, G), see :meth:`keys`.

        Returns:
            (B, M) keys of the matches, best first, filled up with LAST; (B,) how many there are.
        """
        at, meant = self._matches.members(start, len(keys))
        found = keys.gather(1, at).masked_fill_(~meant, LAST).sort(dim=1).values
        return found, (found != LAST).sum(1)

    def identity_ranks(self, keys: Tensor, best: Tensor) -> Tensor:
        """Ranks among identities, each standing where its best image does.

        Args:
            keys: (B, G).
            best: (B,) the key of the best match.

        Returns:
            (B,) 1-based.
        """
        numbers, identity = self._identities
        best_of_each = keys.new_full((len(keys), numbers), LAST)
        best_of_each.scatter_reduce_(1, identity.expand_as(keys), keys, "amin")
        return (best_of_each < best[:, None]).sum(1) + 1

    @functools.cached_property
    def _identities(self) -> tuple[int, Tensor]:
        """How many there are, and (G,) the number of each image's."""
        found, identity = self.g_pids.unique(return_inverse=True)
        return len(found), identity


def match_ranks(keys: Tensor, found: Tensor) -> Tensor:
    """Ranks of the matches, images counted, without sorting the ranking: count what falls between two matches.

    Args:
        keys: (B, G).
        found: (B, M) keys of the matches, see :meth:`Ranking.matches`.

    Returns:
        (B, M) 1-based; without meaning where ``found`` is LAST.
    """
    places = found.shape[1] + 1
    between = torch.searchsorted(found, keys)
    between += torch.arange(len(keys), device=keys.device)[:, None] * places
    counts = torch.bincount(between.flatten(), minlength=len(keys) * places)
    return counts.view(len(keys), places)[:, :-1].cumsum(1)
