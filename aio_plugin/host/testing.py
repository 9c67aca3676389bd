"""The test of a target: features extracted by all processes, and what torchreid prints and computes of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..evaluation.attributes import MaskedWords
from ..evaluation.score import Rerank, Result
from ..modality import Batch
from ..training import distributed
from ..training.step import out_of_memory_explained


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


@torch.no_grad()
def masked_words(loader: Any, outputs: Callable[[Batch], Mapping[str, Tensor]]) -> MaskedWords | None:
    """Measure the attribute decoder on the captions of ``loader``, which yields this process's batches; collective.

    Args:
        outputs: gives ``attribute_logits`` (K, A) and ``attribute_labels`` (K,) of a batch.

    Returns:
        The same on every rank; None if the captions have no attribute words.
    """
    rows = [torch.empty(0, 3, dtype=torch.double)]
    with out_of_memory_explained("test.batch_size"):
        for data in loader:
            found = outputs(data)
            logits, labels = found["attribute_logits"].float(), found["attribute_labels"]
            losses = F.cross_entropy(logits, labels, reduction="none")
            rows.append(torch.stack([losses, logits.argmax(1) == labels, labels], 1).double().cpu())
    losses, hits, labels = torch.cat(distributed.all_gather(torch.cat(rows))).unbind(1)
    return MaskedWords.of(losses, hits, labels, len(loader.dataset)) if len(labels) else None


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
