"""CMC, mAP and mINP, exact and streamed: a chunk of queries x gallery is all that exists at a time.

All that the metrics need of a query are the ranks p_1 < ... < p_R of its R matches:

* CMC@k: p_1 <= k, counting gallery images, or gallery identities by their best image;
* AP, step: mean of i / p_i; trapezoid (Market-1501's MATLAB code): mean over i of the mean of the
  precisions at p_i and just before it;
* INP: R / p_R (Ye et al., Deep Learning for Person Re-identification, arXiv:2001.04193).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..errors import ProtocolError
from .distance import CHUNK, Metric, feature_rows, matrix_rows
from .gallery import Ranking
from .order import LAST
from .removal import Removal, removal_keys

Cmc = Literal["image", "identity"]
Ap = Literal["step", "trapezoid"]


@dataclass(frozen=True)
class Metrics:
    """Fractions, averaged over the queries that have a match left in the gallery.

    Attributes:
        cmc: (R,) float64, ``cmc[k - 1]`` is Rank-k.
        num_valid, num_query: queries with a match, and all.
        chance: Rank-1 that a random ranking is expected to have.
    """

    cmc: Tensor
    mAP: float
    mINP: float
    num_valid: int
    num_query: int
    chance: float

    def rank(self, k: int) -> float:
        """Rank-k, k from 1 to R."""
        return float(self.cmc[k - 1])


def evaluate_features(
    query_features: Tensor,
    gallery_features: Tensor,
    q_pids: ArrayLike,
    g_pids: ArrayLike,
    q_camids: ArrayLike | None = None,
    g_camids: ArrayLike | None = None,
    *,
    removal: Removal = "same_camera",
    cmc: Cmc = "image",
    ap: Ap = "step",
    max_rank: int = 50,
    chunk: int = CHUNK,
    normalise: bool = True,
    metric: Metric = "cosine",
) -> Metrics:
    """Score features, on the device of the gallery's.

    Args:
        query_features, gallery_features: (Q, D), (G, D); computed with in float32.
        q_pids, g_pids, q_camids, g_camids: (Q,), (G,) identities and cameras.
        removal: who leaves a query's ranking: ``"same_camera"``, ``"none"`` (cameras are not needed), or
            keys, see :data:`aio_plugin.metrics.removal.Removal`.
        cmc: count gallery images or gallery identities.
        ap: "step" as everyone's Python, or "trapezoid" as Market-1501's MATLAB.
        max_rank: length R of the CMC curve.
        chunk: queries at a time.
        normalise, metric: see :func:`aio_plugin.metrics.distance.feature_rows`.

    Raises:
        ProtocolError: no query has a match in the gallery, shapes do not fit, or a feature is not a number.
    """
    keys = removal_keys(removal, q_pids, g_pids, q_camids, g_camids)
    ranking = Ranking(q_pids, g_pids, *keys, gallery_features.device)
    rows = feature_rows(query_features, gallery_features, metric, normalise, chunk)
    return evaluate_rows(rows, ranking, cmc=cmc, ap=ap, max_rank=max_rank)


def evaluate_distances(
    distances: ArrayLike,
    q_pids: ArrayLike,
    g_pids: ArrayLike,
    q_camids: ArrayLike | None = None,
    g_camids: ArrayLike | None = None,
    *,
    removal: Removal = "same_camera",
    cmc: Cmc = "image",
    ap: Ap = "step",
    max_rank: int = 50,
) -> Metrics:
    """Score a (Q, G) matrix of distances, such as a re-ranked one; otherwise as :func:`evaluate_features`."""
    device = distances.device if isinstance(distances, Tensor) else "cpu"
    keys = removal_keys(removal, q_pids, g_pids, q_camids, g_camids)
    ranking = Ranking(q_pids, g_pids, *keys, device)
    return evaluate_rows(matrix_rows(distances), ranking, cmc=cmc, ap=ap, max_rank=max_rank)


def evaluate_rows(
    rows: Iterable[Tensor], ranking: Ranking, *, cmc: Cmc = "image", ap: Ap = "step", max_rank: int = 50
) -> Metrics:
    """Score blocks (B, G) of distances of consecutive queries; otherwise as :func:`evaluate_features`."""
    sums = _Sums(ranking, cmc, ap, max_rank)
    for block in rows:
        sums.add(block)
    return sums.result()


def nearest(rows: Iterable[Tensor], ranking: Ranking, k: int) -> NDArray[np.int64]:
    """(Q, min(k, G)) gallery positions in the order of the ranking, -1 where removal left fewer."""
    found, start = [], 0
    for block in rows:
        keys, left = ranking.keys(block, start)
        start += len(keys)
        best = keys.topk(min(k, keys.shape[1]), largest=False)
        found.append(best.indices.masked_fill_(best.values == LAST, -1).cpu())
    order: NDArray[np.int64] = torch.cat(found).numpy()
    return order


def average_precision(ranks: Tensor, is_match: Tensor, ap: Ap) -> Tensor:
    """Average precision from the ranks of matches.

    Args:
        ranks: (B, M) 1-based, ascending.
        is_match: (B, M) bool, which of them count; at least one in a row.

    Returns:
        (B,) float64.
    """
    number = torch.arange(1, ranks.shape[1] + 1, device=ranks.device, dtype=torch.float64)
    precision = number / ranks
    if ap == "trapezoid":
        before = torch.where(ranks > 1, (number - 1) / (ranks - 1).clamp_min(1), 1.0)
        precision = (precision + before) / 2
    return (precision * is_match).sum(1) / is_match.sum(1)


class _Sums:
    """Sums over queries, in float64."""

    def __init__(self, ranking: Ranking, cmc: Cmc, ap: Ap, max_rank: int) -> None:
        if cmc not in ("image", "identity") or ap not in ("step", "trapezoid"):
            raise ProtocolError(f"cmc is 'image' or 'identity', ap 'step' or 'trapezoid'; got {cmc!r} and {ap!r}.")
        if max_rank < 1:
            raise ProtocolError(f"max_rank must be 1 or more, got {max_rank}.")
        self.ranking, self.cmc, self.ap = ranking, cmc, ap
        self.first = torch.zeros(max_rank, dtype=torch.float64)
        self.aps = self.inps = self.chances = 0.0
        self.seen = self.valid = 0

    def add(self, distances: Tensor) -> None:
        """The next rows (B, G)."""
        ranks, best, left = self.ranking.find(distances, self.seen, self.cmc == "identity")
        self.seen += len(ranks)
        count = (ranks != LAST).sum(1)
        valid = count > 0
        if not valid.any():
            return
        if not valid.all():
            ranks, best, left, count = ranks[valid], best[valid], left[valid], count[valid]
        self.first += torch.bincount(best[best <= len(self.first)].cpu() - 1, minlength=len(self.first))
        self.aps += float(average_precision(ranks, ranks != LAST, self.ap).sum())
        self.inps += float((count.double() / ranks.gather(1, count[:, None] - 1).squeeze(1)).sum())
        self.chances += float((count.double() / left).sum())
        self.valid += len(ranks)

    def result(self) -> Metrics:
        """The means.

        Raises:
            ProtocolError: rows are missing, or no query has a match.
        """
        q_pids, n = self.ranking.q_pids, self.valid
        if self.seen != len(q_pids):
            raise ProtocolError(f"There are {len(q_pids)} queries, but distances of {self.seen}; pass all rows.")
        if not n:
            raise ProtocolError(
                f"None of the {self.seen} queries has its identity in the gallery of {len(self.ranking.g_pids)} "
                f"after removal; the first looks for identity {int(q_pids[0])}. Check that query and gallery are of "
                f"one split, and that identities were read alike."
            )
        return Metrics(self.first.cumsum(0) / n, self.aps / n, self.inps / n, n, self.seen, self.chances / n)
