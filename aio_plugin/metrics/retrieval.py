"""Retrieval by features or distances: what every query found, and CMC, mAP and mINP of it.

Exact and streamed: only a chunk of queries x gallery exists at a time. All that the metrics need of a query
are the ranks p_1 < ... < p_R of its R matches:

* CMC@k: p_1 <= k, counting gallery images, or gallery identities by their best image;
* AP, step: mean of i / p_i; trapezoid (Market-1501's MATLAB code): mean over i of the mean of the
  precisions at p_i and just before it;
* INP: R / p_R (Ye et al., Deep Learning for Person Re-identification, arXiv:2001.04193).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..errors import ProtocolError
from .distance import CHUNK, Metric, as_floats, feature_rows, matrix_rows
from .labels import LabelColumn
from .ranking import LAST, Ranking, Removal, removal_keys

Cmc = Literal["image", "identity"]
Ap = Literal["step", "trapezoid"]
QueryMeasure = Callable[[Tensor, Tensor], Tensor]
"""Distances (B, G), and whether the gallery image is a match (B, G) -> (B,) float64, NaN where undefined."""


@dataclass(frozen=True)
class Retrieval:
    """What every query of a gallery found; fractions, averaged over the queries that have a match left in the gallery.

    All tensors are on the CPU, one row per query.

    Attributes:
        ap, inp: (Q,) float64 average precision and inverse negative penalty; NaN without a match.
        first_rank: (Q,) int64, 1-based rank of the first match, counted as the CMC counts; 0 without a match.
        num_matches, num_left: (Q,) int64, matches and gallery items that are not removed.
        top: (Q, k) int64, gallery positions in the order of the ranking, -1 where removal left fewer.
        top_distances: (Q, k) their distances.
        measures: further measures of every query by name, (Q,) float64, NaN where undefined.
        max_rank: length R of the CMC curve.
    """

    ap: Tensor
    inp: Tensor
    first_rank: Tensor
    num_matches: Tensor
    num_left: Tensor
    top: Tensor
    top_distances: Tensor
    measures: Mapping[str, Tensor] = field(default_factory=dict)
    max_rank: int = 50

    @cached_property
    def valid(self) -> Tensor:
        """(Q,) bool, which queries have a match."""
        return self.num_matches > 0

    @property
    def num_query(self) -> int:
        """Number of queries."""
        return len(self.ap)

    @property
    def num_valid(self) -> int:
        """Number of queries that have a match."""
        return int(self.valid.sum())

    @cached_property
    def cmc(self) -> Tensor:
        """(R,) float64, ``cmc[k - 1]`` is Rank-k."""
        first = self.first_rank[self.valid & (self.first_rank <= self.max_rank)]
        return torch.bincount(first - 1, minlength=self.max_rank).double().cumsum(0) / self.num_valid

    def rank(self, k: int) -> float:
        """Rank-k, k from 1 to R."""
        return float(self.cmc[k - 1])

    @property
    def mAP(self) -> float:
        """Mean average precision."""
        return float(self.ap[self.valid].mean())

    @property
    def mINP(self) -> float:
        """Mean inverse negative penalty."""
        return float(self.inp[self.valid].mean())

    @property
    def chance(self) -> float:
        """Expected Rank-1 of a random ranking."""
        return float((self.num_matches[self.valid].double() / self.num_left[self.valid]).mean())

    def measure(self, name: str) -> float:
        """Mean of a further measure over the queries for which it is defined.

        Raises:
            ProtocolError: there are none.
        """
        if self.measures[name].isnan().all():
            raise ProtocolError(f"{name} is defined for none of the {self.num_query} queries; check the gallery.")
        return float(self.measures[name].nanmean())


def evaluate_features(
    query_features: ArrayLike,
    gallery_features: ArrayLike,
    q_pids: LabelColumn,
    g_pids: LabelColumn,
    q_camids: LabelColumn | None = None,
    g_camids: LabelColumn | None = None,
    *,
    removal: Removal = "same_camera",
    cmc: Cmc = "image",
    ap: Ap = "step",
    max_rank: int = 50,
    topk: int = 0,
    chunk: int = CHUNK,
    normalise: bool = True,
    metric: Metric = "cosine",
) -> Retrieval:
    """Score features: distances are computed on the device of the gallery's, rankings on the CPU.

    Args:
        query_features, gallery_features: (Q, D), (G, D) tensors or arrays; computed with in float32.
        q_pids, g_pids, q_camids, g_camids: (Q,), (G,) identities and cameras: integers of any size, or strings.
        removal: what is removed from a query's ranking: ``"same_camera"``, ``"none"`` (cameras are not needed), or
            keys, see :data:`aio_plugin.metrics.ranking.Removal`.
        cmc: count gallery images or gallery identities.
        ap: "step" as Python evaluators do, or "trapezoid" as Market-1501's MATLAB code does.
        max_rank: length R of the CMC curve.
        topk: gallery positions to keep of every ranking.
        chunk: queries at a time.
        normalise, metric: see :func:`aio_plugin.metrics.distance.feature_rows`.

    Raises:
        ProtocolError: no query has a match in the gallery, shapes do not fit, or a feature or label is of a wrong
            type or not a number.

    Example:
        >>> query = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> gallery = torch.tensor([[0.9, 0.1], [0.2, 0.8], [1.0, 0.1]])
        >>> result = evaluate_features(query, gallery, [7, 8], [7, 8, 8], removal="none", topk=2)
        >>> result.rank(1), round(result.mAP, 4), result.num_valid
        (0.5, 0.6667, 2)
        >>> result.first_rank.tolist(), result.top.tolist()
        ([2, 1], [[2, 0], [1, 0]])
    """
    ranking = Ranking(q_pids, g_pids, *removal_keys(removal, q_pids, g_pids, q_camids, g_camids))
    features = as_floats(query_features, "query features"), as_floats(gallery_features, "gallery features")
    rows = feature_rows(*features, metric, normalise, chunk)
    return evaluate_rows(rows, ranking, cmc=cmc, ap=ap, max_rank=max_rank, topk=topk)


def evaluate_distances(
    distances: ArrayLike,
    q_pids: LabelColumn,
    g_pids: LabelColumn,
    q_camids: LabelColumn | None = None,
    g_camids: LabelColumn | None = None,
    *,
    removal: Removal = "same_camera",
    cmc: Cmc = "image",
    ap: Ap = "step",
    max_rank: int = 50,
    topk: int = 0,
) -> Retrieval:
    """Score a (Q, G) matrix of distances, such as a re-ranked one; otherwise as :func:`evaluate_features`.

    Example:
        >>> evaluate_distances([[0.3, 0.1, 0.2]], [5], [5, 6, 5], removal="none").mAP
        0.5833333333333333
    """
    ranking = Ranking(q_pids, g_pids, *removal_keys(removal, q_pids, g_pids, q_camids, g_camids))
    return evaluate_rows(matrix_rows(distances), ranking, cmc=cmc, ap=ap, max_rank=max_rank, topk=topk)


def evaluate_rows(
    rows: Iterable[Tensor],
    ranking: Ranking,
    *,
    cmc: Cmc = "image",
    ap: Ap = "step",
    max_rank: int = 50,
    topk: int = 0,
    measures: Mapping[str, QueryMeasure] | None = None,
) -> Retrieval:
    """Score blocks (B, G) of distances of consecutive queries; otherwise as :func:`evaluate_features`.

    Args:
        measures: further measures of every query by name, which ignore removal.

    Raises:
        ProtocolError: rows are missing, no query has a match, or an argument is not one of those listed.
    """
    if cmc not in ("image", "identity") or ap not in ("step", "trapezoid"):
        raise ProtocolError(f"cmc is 'image' or 'identity', ap 'step' or 'trapezoid'; got {cmc!r} and {ap!r}.")
    if max_rank < 1:
        raise ProtocolError(f"max_rank must be 1 or more, got {max_rank}.")
    measures, start, blocks = measures or {}, 0, []
    for block in rows:
        ranks, first, left, top, distances = ranking.rank(block, start, cmc == "identity", topk)
        is_match = ranks != LAST
        count = is_match.sum(1)
        last = ranks.gather(1, (count - 1).clamp_min(0)[:, None]).squeeze(1)
        inp = (count.double() / last).where(count > 0, torch.nan)
        first = first.where(count > 0, 0)
        values = [average_precision(ranks, is_match, ap), inp, first, count, left, top, distances]
        if measures:
            shows_person = torch.from_numpy(ranking.q_pids[start : start + len(block), None] == ranking.g_pids)
            values += [measure(block, shows_person.to(block.device)).cpu() for measure in measures.values()]
        blocks.append(values)
        start += len(block)
    if start != len(ranking.q_pids):
        raise ProtocolError(f"There are {len(ranking.q_pids)} queries, but distances of {start}; pass all rows.")
    aps, inps, firsts, counts, lefts, tops, top_distances, *others = map(torch.cat, zip(*blocks, strict=True))
    measured = dict(zip(measures, others, strict=True))
    result = Retrieval(aps, inps, firsts, counts, lefts, tops, top_distances, measured, max_rank)
    if not result.num_valid:
        raise ProtocolError(
            f"None of the {start} queries has its identity in the gallery of {len(ranking.g_pids)} after removal; the "
            f"first looks for identity {ranking.first_wanted}. Check that query and gallery are of one split, and that "
            f"their identities were read alike."
        )
    return result


def average_precision(ranks: Tensor, is_match: Tensor, ap: Ap) -> Tensor:
    """Average precision from the ranks of matches.

    Args:
        ranks: (B, M) 1-based, ascending.
        is_match: (B, M) bool, which of them count.

    Returns:
        (B,) float64; NaN where none count.

    Example:
        >>> average_precision(torch.tensor([[1, 3, 6]]), torch.tensor([[True, True, True]]), "step")
        tensor([0.7222], dtype=torch.float64)
    """
    number = torch.arange(1, ranks.shape[1] + 1, device=ranks.device, dtype=torch.float64)
    precision = number / ranks
    if ap == "trapezoid":
        before = torch.where(ranks > 1, (number - 1) / (ranks - 1).clamp_min(1), 1.0)
        precision = (precision + before) / 2
    return (precision * is_match).sum(1) / is_match.sum(1)
