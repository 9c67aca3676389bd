"""Who is in a gallery, which queries look for whom, and who stands where in a ranking."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..errors import ProtocolError
from .order import LAST, Groups, order_keys


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
        self.q_keys = None if q_keys is None else self._labels(q_keys)
        g_labels = self.g_pids if g_keys is None else self._labels(g_keys)
        if not len(self.q_pids) or not len(self.g_pids):
            raise ProtocolError(f"Nothing to rank: {len(self.q_pids)} queries, {len(self.g_pids)} in the gallery.")
        if len(g_labels) != len(self.g_pids) or (self.q_keys is not None and len(self.q_keys) != len(self.q_pids)):
            raise ProtocolError("There must be one removal key for every identity.")
        self._by_pid, self._by_key = Groups(self.g_pids), Groups(g_labels)
        identities, self._identity = self.g_pids.unique(return_inverse=True)
        self._identities = len(identities)

    def _labels(self, values: ArrayLike) -> Tensor:
        array = values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
        return torch.from_numpy(array.astype(np.int64)).to(self.device)

    def keys(self, distances: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """The ranking of queries ``start`` to ``start + B``.

        Args:
            distances: (B, G).

        Returns:
            (B, G) int64 keys, ascending along the ranking, LAST where removed; (B,) how many are left.

        Raises:
            ProtocolError: the distances are not of these queries and this gallery, or not numbers.
        """
        rows = self.q_pids[start : start + len(distances)]
        if distances.ndim != 2 or distances.shape != (len(rows), len(self.g_pids)):
            raise ProtocolError(
                f"Distances {tuple(distances.shape)} do not fit {len(self.q_pids) - start} queries x "
                f"{len(self.g_pids)} in the gallery; pass rows in the order of the identities."
            )
        keys = order_keys(distances.to(self.device))
        left = torch.full_like(rows, keys.shape[1])
        if self.q_keys is not None:
            wanted = self.q_keys[start : start + len(keys)]
            removing = (wanted >= 0).nonzero().squeeze(1)
            at, meant = self._by_key.members(wanted[removing])
            keys[removing[:, None].expand_as(at)[meant], at[meant]] = LAST
            left[removing] -= meant.sum(1)
        return keys, left

    def matches(self, keys: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """The matches of queries ``start`` to ``start + B``.

        Args:
            keys: (B, G), see :meth:`keys`.

        Returns:
            (B, M) keys of the matches, best first, filled up with LAST; (B,) how many there are.
        """
        at, meant = self._by_pid.members(self.q_pids[start : start + len(keys)])
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
        identities = keys.new_full((len(keys), self._identities), LAST)
        identities.scatter_reduce_(1, self._identity.expand_as(keys), keys, "amin")
        return (identities < best[:, None]).sum(1) + 1


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
