"""Features of queries and gallery scored as a protocol asks: every trial, then means over trials."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

from ..errors import ProtocolError
from ..metrics.distance import Metric, feature_rows, matrix_rows, similarities
from ..metrics.msd import similarity_distributions
from ..metrics.open_set import open_set_rates, unknown_identities
from ..metrics.ranking import Ranking
from ..metrics.retrieval import Retrieval, evaluate_rows
from ..modality import Item
from ..protocols.base import Protocol, Trial

Rerank = Callable[[Tensor, Tensor], ArrayLike]
"""Features of queries (Q, D) and gallery (G, D) -> (Q, G) distances."""

CMC_LENGTH = 50


@dataclass(frozen=True)
class TrialResult:
    """A trial, and what its queries found: positions count in ``trial.gallery``.

    Attributes:
        open_set: rates of open-set identification by name.
    """

    trial: Trial
    retrieval: Retrieval
    open_set: Mapping[str, float] = field(default_factory=dict)

    def measures(self) -> dict[str, float]:
        """Further measures by name: means over queries, and rates."""
        return {**{name: self.retrieval.measure(name) for name in self.retrieval.measures}, **self.open_set}


@dataclass(frozen=True)
class Result:
    """What a protocol's trials found; fractions.

    Attributes:
        protocol: how it was scored.
        query, gallery: (Q,), (G,) the items that the trials count in.
        metric: the distance.
        reranked: whether other distances replaced it.
        ranks: which Rank-k the JSON lists.
        trials: at least one.
        variants: what the protocol's variants found on the same features.
    """

    protocol: Protocol
    query: Sequence[Item]
    gallery: Sequence[Item]
    metric: Metric
    reranked: bool
    ranks: tuple[int, ...]
    trials: tuple[TrialResult, ...]
    variants: tuple[Result, ...] = ()

    def rank(self, k: int) -> float:
        """Rank-k, the mean over trials."""
        return self._mean(lambda retrieval: retrieval.rank(k))

    @property
    def mAP(self) -> float:
        """Mean over trials."""
        return self._mean(lambda retrieval: retrieval.mAP)

    @property
    def mINP(self) -> float:
        """Mean over trials."""
        return self._mean(lambda retrieval: retrieval.mINP)

    def measures(self) -> dict[str, float]:
        """Further measures of the protocol by name, the means over trials."""
        numbers = [each.measures() for each in self.trials]
        names = [name for name in numbers[0] if all(name in each for each in numbers)]
        return {name: statistics.fmean(each[name] for each in numbers) for name in names}

    def _mean(self, of: Callable[[Retrieval], float]) -> float:
        return statistics.fmean(of(each.retrieval) for each in self.trials)

    def similarity(self, retrieval: Retrieval) -> Tensor | None:
        """(Q, k) cosines of the top k, which order as both distances do; None if other distances ranked them."""
        return None if self.reranked else similarities(retrieval.top_distances, self.metric)

    def to_json(self) -> dict[str, Any]:
        """The entry of results.json; ``std`` is the population's, over trials."""
        names = self.measures()
        numbers = [self._numbers(each, names) for each in self.trials]
        trials = [
            {
                "trial": each.trial.name,
                "num_query": each.retrieval.num_query,
                "num_valid": each.retrieval.num_valid,
                "num_gallery": len(each.trial.gallery),
                **values,
            }
            for each, values in zip(self.trials, numbers, strict=True)
        ]
        return {
            "protocol": self.protocol.name,
            "definition": self.protocol.definition(),
            "cmc": self.protocol.cmc,
            "metric": f"{self.metric}, re-ranked" if self.reranked else self.metric,
            "num_trials": len(trials),
            "num_query": sum(each.retrieval.num_query for each in self.trials),
            "num_valid": sum(each.retrieval.num_valid for each in self.trials),
            "mean": {key: statistics.fmean(each[key] for each in numbers) for key in numbers[0]},
            "std": {key: statistics.pstdev(each[key] for each in numbers) for key in numbers[0]},
            "trials": trials,
            "variants": [variant.to_json() for variant in self.variants],
        }

    def _numbers(self, each: TrialResult, names: Iterable[str]) -> dict[str, float]:
        retrieval, measures = each.retrieval, each.measures()
        ranks = {f"rank-{k}": retrieval.rank(k) for k in self.ranks}
        shared = {"mAP": retrieval.mAP, "mINP": retrieval.mINP, "chance": retrieval.chance}
        return {**ranks, **shared, **{name: measures[name] for name in names}}


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
    topk: int = 0,
    open_set: Sequence[float] = (),
) -> Result:
    """Run all trials of ``protocol``, then its variants.

    Args:
        query_features, gallery_features: (Q, D), (G, D), of the items in their order.
        metric: "cosine" or "euclidean"; features are L2-normalised for both, as the papers do.
        ranks: which Rank-k the result lists besides Rank-1.
        rerank: distances to use instead of the metric's, of every trial's features.
        topk: gallery positions to keep of every ranking, for ranked lists.
        open_set: false-positive identification rates at which TPIR and DIR are measured, see
            :mod:`aio_plugin.metrics.open_set`; not of variants, nor of re-ranked distances, which images of unknown
            people have changed.

    Raises:
        ProtocolError: no query of a trial has its identity in the gallery (names the first query),
            features and items do not fit, or a rank is below 1.

    Example:
        >>> from aio_plugin.modality import Item, Media
        >>> from aio_plugin.protocols.whole_gallery import WholeGallery
        >>> items = [Item(Media("a.jpg"), 1, 0), Item(Media("b.jpg"), 2, 0)]
        >>> query, gallery = torch.eye(2), torch.tensor([[0.0, 1.0], [0.6, 0.8]])
        >>> result = score(query, gallery, items, items, WholeGallery("toy"), topk=1)
        >>> result.protocol.name, result.rank(1), result.mAP
        ('toy, nothing removed', 0.0, 0.5)
        >>> result.trials[0].retrieval.top.tolist()
        [[1], [0]]
    """
    if (len(query_features), len(gallery_features)) != (len(query_items), len(gallery_items)):
        raise ProtocolError(
            f"{len(query_features)} and {len(gallery_features)} features do not fit {len(query_items)} queries and "
            f"{len(gallery_items)} gallery items; extract one feature of every item, in their order."
        )
    listed = tuple(sorted({1, *ranks}))
    if listed[0] < 1:
        raise ProtocolError(f"Ranks count from 1, got {listed[0]}; correct test.ranks.")
    measures = similarity_distributions(metric) if protocol.similarity_distribution and rerank is None else None
    length = max(CMC_LENGTH, *listed)
    trials = []
    for trial in protocol.trials(query_items, gallery_items):
        query, gallery = trial_queries(query_features, trial), gallery_features[torch.from_numpy(trial.gallery)]
        try:
            pids = [query_items[i].pid for i in trial.query], [gallery_items[i].pid for i in trial.gallery]
            ranking = Ranking(*pids, trial.query_key, trial.gallery_key)
            rows = matrix_rows(rerank(query, gallery)) if rerank else feature_rows(query, gallery, metric)
            retrieval = evaluate_rows(rows, ranking, cmc=protocol.cmc, max_rank=length, topk=topk, measures=measures)
            rates = {}
            if open_set and not rerank:
                unknown = unknown_identities(pids[0])
                again = feature_rows(query, gallery, metric)
                rates = open_set_rates(again, ranking, [pid in unknown for pid in pids[0]], open_set)
            trials.append(TrialResult(trial, retrieval, rates))
        except ProtocolError as error:
            first = f" The first query is {str(query_items[trial.query[0]].media)!r}." if len(trial.query) else ""
            raise ProtocolError(f"{protocol.name}, {trial.name}: {error}{first}") from error
    features, items = (query_features, gallery_features), (query_items, gallery_items)
    variants = tuple(
        score(*features, *items, variant, metric=metric, ranks=ranks, rerank=rerank) for variant in protocol.variants
    )
    return Result(protocol, *items, metric, rerank is not None, listed, tuple(trials), variants)


def trial_queries(query_features: Tensor, trial: Trial) -> Tensor:
    """Features (Q, D) of a trial's queries; of a query of several parts, the mean of theirs at unit length."""
    if trial.parts is None:
        return query_features[torch.from_numpy(trial.query)]
    unit = F.normalize(query_features.float())
    return torch.stack([unit[torch.from_numpy(parts)].mean(0) for parts in trial.parts])
