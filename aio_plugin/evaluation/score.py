"""Features of queries and gallery scored as a protocol says: every trial, then means over trials."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

from ..errors import ProtocolError
from ..metrics.distance import Metric, feature_rows, matrix_rows
from ..metrics.gallery import Ranking
from ..metrics.ranking import Metrics, evaluate_rows
from ..modality import Item
from ..protocols.base import Protocol, Trial

Rerank = Callable[[Tensor, Tensor], ArrayLike]
"""Features of queries (Q, D) and gallery (G, D) -> (Q, G) distances."""

CMC_LENGTH = 50


@dataclass(frozen=True)
class TrialResult:
    """One trial's numbers."""

    name: str
    num_gallery: int
    metrics: Metrics


@dataclass(frozen=True)
class Result:
    """What a protocol found; fractions.

    Attributes:
        protocol: its name, variant included.
        cmc: what Rank-k counts, gallery images or identities.
        metric: the distance, and whether it was re-ranked.
        ranks: which Rank-k the JSON lists.
        trials: at least one.
        variants: what the protocol's variants found on the same features.
    """

    protocol: str
    cmc: str
    metric: str
    ranks: tuple[int, ...]
    trials: tuple[TrialResult, ...]
    variants: tuple[Result, ...] = ()

    def rank(self, k: int) -> float:
        """Rank-k, the mean over trials."""
        return self._mean(lambda metrics: metrics.rank(k))

    @property
    def mAP(self) -> float:
        """Mean over trials."""
        return self._mean(lambda metrics: metrics.mAP)

    @property
    def mINP(self) -> float:
        """Mean over trials."""
        return self._mean(lambda metrics: metrics.mINP)

    @property
    def chance(self) -> float:
        """Rank-1 that random rankings are expected to have, the mean over trials."""
        return self._mean(lambda metrics: metrics.chance)

    def _mean(self, of: Callable[[Metrics], float]) -> float:
        return statistics.fmean(of(trial.metrics) for trial in self.trials)

    def to_json(self) -> dict[str, Any]:
        """As it stands in results.json; ``std`` is that of the trials themselves (population)."""
        trials = [
            {
                "trial": trial.name,
                "num_query": trial.metrics.num_query,
                "num_valid": trial.metrics.num_valid,
                "num_gallery": trial.num_gallery,
                **self._numbers(trial.metrics),
            }
            for trial in self.trials
        ]
        numbers = [self._numbers(trial.metrics) for trial in self.trials]
        return {
            "protocol": self.protocol,
            "cmc": self.cmc,
            "metric": self.metric,
            "num_trials": len(trials),
            "num_query": sum(trial.metrics.num_query for trial in self.trials),
            "num_valid": sum(trial.metrics.num_valid for trial in self.trials),
            "mean": {key: statistics.fmean(each[key] for each in numbers) for key in numbers[0]},
            "std": {key: statistics.pstdev(each[key] for each in numbers) for key in numbers[0]},
            "trials": trials,
            "variants": [variant.to_json() for variant in self.variants],
        }

    def _numbers(self, metrics: Metrics) -> dict[str, float]:
        ranks = {f"rank-{k}": metrics.rank(k) for k in self.ranks}
        return {**ranks, "mAP": metrics.mAP, "mINP": metrics.mINP, "chance": metrics.chance}


def score(
    query_features: Tensor,
    gallery_features: Tensor,
    query_items: Sequence[Item],
    gallery_items: Sequence[Item],
    protocol: Protocol,
    *,
    metric: Metric = "cosine",
    ranks: Sequence[int] = (1, 5, 10, 20),
    rerank: Rerank | None = None,
) -> Result:
    """Run all trials of ``protocol``, then its variants.

    Args:
        query_features, gallery_features: (Q, D), (G, D), of the items in their order.
        metric: "cosine" or "euclidean"; features are L2-normalised for both, as the papers do.
        ranks: which Rank-k the result lists besides Rank-1.
        rerank: distances to use instead of the metric's, of every trial's features.

    Raises:
        ProtocolError: no query of a trial has its identity in the gallery (names the first query),
            features and items do not fit, or a rank is below 1.
    """
    if (len(query_features), len(gallery_features)) != (len(query_items), len(gallery_items)):
        raise ProtocolError(
            f"{len(query_features)} and {len(gallery_features)} features do not fit {len(query_items)} queries and "
            f"{len(gallery_items)} gallery items; extract one feature an item, in their order."
        )
    listed = tuple(sorted({1, *ranks}))
    if listed[0] < 1:
        raise ProtocolError(f"Ranks count from 1, got {listed[0]}; correct test.ranks.")
    given = (query_features, gallery_features, query_items, gallery_items)
    found = []
    length = max(CMC_LENGTH, *listed)
    for trial in protocol.trials(query_items, gallery_items):
        try:
            rows, ranking = trial_rows(*given, trial, metric, rerank)
            metrics = evaluate_rows(rows, ranking, cmc=protocol.cmc, max_rank=length)
        except ProtocolError as error:
            raise ProtocolError(_explain(protocol, trial, query_items, error)) from error
        found.append(TrialResult(trial.name, len(trial.gallery), metrics))
    distance = f"{metric}, re-ranked" if rerank else metric
    others = tuple(score(*given, each, metric=metric, ranks=ranks, rerank=rerank) for each in protocol.variants)
    return Result(protocol.name, protocol.cmc, distance, listed, tuple(found), others)


def trial_queries(query_features: Tensor, trial: Trial) -> Tensor:
    """Features (Q, D) of a trial's queries; of a query of several parts, the mean of theirs at unit length."""
    if trial.parts is None:
        return query_features[torch.from_numpy(trial.query)]
    unit = F.normalize(query_features.float())
    return torch.stack([unit[torch.from_numpy(parts)].mean(0) for parts in trial.parts])


def trial_rows(
    query_features: Tensor,
    gallery_features: Tensor,
    query_items: Sequence[Item],
    gallery_items: Sequence[Item],
    trial: Trial,
    metric: Metric,
    rerank: Rerank | None,
) -> tuple[Iterator[Tensor], Ranking]:
    """Blocks of a trial's distances, and who is ranked by them."""
    query, gallery = trial_queries(query_features, trial), gallery_features[torch.from_numpy(trial.gallery)]
    ranking = Ranking(
        np.array([query_items[i].pid for i in trial.query]),
        np.array([gallery_items[i].pid for i in trial.gallery]),
        trial.query_key,
        trial.gallery_key,
        gallery_features.device,
    )
    if rerank is not None:
        return matrix_rows(rerank(query, gallery)), ranking
    return feature_rows(query, gallery, metric), ranking


def _explain(protocol: Protocol, trial: Trial, query: Sequence[Item], error: ProtocolError) -> str:
    first = f" The first query is {str(query[trial.query[0]].media)!r}." if len(trial.query) else ""
    return f"{protocol.name}, {trial.name}: {error}{first}"
