"""The test of a target: features extracted by all processes, scored by rank 0."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError
from ..evaluation.pictures import write_ranked_lists
from ..evaluation.results import file_name
from ..evaluation.score import Rerank, Result, score
from ..metrics.distance import Metric
from ..modality import Batch
from ..training import distributed
from ..training.step import out_of_memory_explained
from .targets import Target

if TYPE_CHECKING:
    from .engine import AIOEngine

TOP_KEPT = 10
"""Gallery items kept of every ranking, for `aio-reid explain`."""


@dataclass(frozen=True)
class EvaluationOptions:
    """torchreid's options of a test; ``pictures`` is the length of the ranked lists to draw, 0 for none."""

    metric: Metric
    ranks: tuple[int, ...]
    rerank: Rerank | None
    normalize: bool
    pictures: int
    folder: Path


def refuse_cuhk03_metric(enabled: bool) -> None:
    """Raise ConfigError if torchreid's own way to sample galleries is enabled."""
    if enabled:
        raise ConfigError("cuhk03.use_metric_cuhk03 samples galleries its own way; set it to False for AIO models.")


@torch.no_grad()
def features_of(loader: Any, part: str, extract: Callable[[Batch], Tensor], timer: Any) -> Tensor | None:
    """Extract the features (N, D) of the items of ``loader``, which yields this process's batches.

    Returns:
        The features on rank 0, None on others.
    """
    print(f"Extracting features from {part} set ...")
    features = []
    with out_of_memory_explained("test.batch_size"):
        for data in loader:
            end = time.time()
            features.append(extract(data).cpu())
            timer.update(time.time() - end)
    places = distributed.all_gather([item for batch in loader.batch_sampler for item in batch])
    matrix = distributed.gather_rows(torch.cat(features) if features else None, places)
    if matrix is not None:
        print(f"Done, obtained {matrix.size(0)}-by-{matrix.size(1)} matrix")
    return matrix


def evaluate_target(
    engine: AIOEngine, target: Target, query: Tensor, gallery: Tensor, options: EvaluationOptions, started: float
) -> Result:
    """Score the features of a target, print the result, and write its files, report and ranked lists."""
    manager, results = engine.datamanager, engine.results
    if options.normalize:
        print("Normalzing features with L2 norm ...")  # features are of unit length already
    print(f"Computing distance matrix with metric={options.metric} ...")
    print("Computing CMC and mAP ...")
    result = score(
        query,
        gallery,
        target.query,
        target.gallery,
        target.protocol,
        metric=options.metric,
        ranks=options.ranks,
        rerank=options.rerank,
        topk=max(TOP_KEPT, options.pictures),
    )
    print_result(result, options.ranks)
    results.add(target, result)
    results.save(options.folder, target, manager, engine.bare_model.encoder, time.time() - started)
    if engine.options.test.report and results.column == "after":
        results.draw(target, result, manager)
    if options.pictures:
        folder = options.folder / f"visrank_{file_name(target.name)}"
        write_ranked_lists(result, folder, options.pictures, manager.reader.picture, (manager.height, manager.width))
        print(f'Done. Images have been saved to "{folder}" ...')
    return result


def print_result(result: Result, ranks: Iterable[int]) -> None:
    """torchreid's block with mINP, and the same of every variant of the protocol under its name."""
    ranks = list(ranks)
    for each in (result, *result.variants):
        print("** Results **" if each is result else f"** Results: {each.protocol.name} **")
        for name, value in {"mAP": each.mAP, "mINP": each.mINP, **each.measures()}.items():
            print(f"{name}: {value:.1%}")
        print("CMC curve")
        for rank in ranks:
            print(f"Rank-{rank:<3}: {each.rank(rank):.1%}")


def reranking(tools: ModuleType, metric: str) -> Rerank:
    """Return torchreid's re-ranking, with its distances.

    Args:
        tools: the module of torchreid's Engine.
        metric: test.dist_metric.
    """
    print("Applying person re-ranking ...")
    distance = sys.modules["torchreid"].metrics.compute_distance_matrix

    def rerank(query: Tensor, gallery: Tensor) -> np.ndarray[Any, Any]:
        pairs = ((query, gallery), (query, query), (gallery, gallery))
        matrix: np.ndarray[Any, Any] = tools.re_ranking(*(distance(a, b, metric).numpy() for a, b in pairs))
        return matrix

    return rerank
