"""Features of a target, extracted by all processes, and what is made of them by rank 0."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError
from ..evaluation.pictures import write_ranked_lists
from ..evaluation.results import file_name
from ..evaluation.score import Rerank, Result, score
from ..training import distributed
from ..training.step import memory_named
from .printing import print_result
from .targets import Target


@dataclass(frozen=True)
class Options:
    """torchreid's options of a test."""

    metric: Any
    ranks: tuple[int, ...]
    rerank: Rerank | None
    normalize: bool
    pictures: int
    folder: Path


def refuse_cuhk03_metric(asked: bool) -> None:
    """Raise ConfigError if torchreid's own way to sample galleries is ``asked`` for."""
    if asked:
        raise ConfigError("cuhk03.use_metric_cuhk03 samples galleries its own way; set it to False for AIO models.")


@torch.no_grad()
def features_of(loader: Any, part: str, extract: Callable[[Any], Tensor], timer: Any) -> Tensor | None:
    """Features (N, D) of the items of ``loader``, which gives this process its batches; None but on rank 0."""
    print(f"Extracting features from {part} set ...")
    found = []
    with memory_named("test.batch_size"):
        for data in loader:
            end = time.time()
            found.append(extract(data).cpu())
            timer.update(time.time() - end)
    places = distributed.from_all([item for batch in loader.batch_sampler for item in batch])
    features = distributed.rows_to_main(torch.cat(found) if found else None, places)
    if features is not None:
        print(f"Done, obtained {features.size(0)}-by-{features.size(1)} matrix")
    return features


def examine(engine: Any, target: Target, query: Tensor, gallery: Tensor, options: Options, started: float) -> Result:
    """Score the features of a target, print, and leave result, report and ranked lists."""
    manager, record = engine.datamanager, engine.record
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
    )
    print_result(result, options.ranks)
    record.add(target, result)
    record.save(options.folder, target, manager, engine.bare_model.encoder, time.time() - started)
    if engine.options.test.report and record.column == "after":
        record.draw(target, query, gallery, manager, options.metric, options.rerank)
    if options.pictures:
        _draw(manager, target, query, gallery, options)
    return result


def _draw(manager: Any, target: Target, query: Tensor, gallery: Tensor, options: Options) -> None:
    pictures = write_ranked_lists(
        query,
        gallery,
        target,
        options.folder / f"visrank_{file_name(target.name)}",
        options.pictures,
        manager.reader.picture,
        (manager.height, manager.width),
        metric=options.metric,
        rerank=options.rerank,
    )
    print(f'Done. Images have been saved to "{pictures}" ...')


def reranking(tools: Any, metric: str) -> Rerank:
    """torchreid's re-ranking, with its distances.

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
