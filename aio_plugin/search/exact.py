"""Exact top k by cosine, a block of the gallery at a time: in the order of scores, and of rows where they are equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..errors import GalleryError
from ..metrics.distance import as_floats

SCORES = 1 << 24
"""Of a block of queries with a block of rows: 64 MiB."""
QUERIES = 256
"""Of a block."""
GATHERED = 1 << 14
"""Rows that are copied at once where a mask leaves most out."""
FEW = 0.25
"""Share of the rows that a mask keeps, up to which copying them takes less time than scoring all."""

VectorBlock = tuple[Tensor, Tensor, "Tensor | None"]
"""Row numbers (n,), ascending; their vectors (n, D); which of them count (n,), None = all."""


class Ranked(NamedTuple):
    """The best rows of every query.

    Attributes:
        scores: (Q, k) float32, descending.
        rows: (Q, k) int64.
    """

    scores: Tensor
    rows: Tensor


def unit_queries(features: object, dim: int) -> Tensor:
    """Queries (Q, D) in float32 at unit length, on the CPU; (D) is one query.

    Raises:
        GalleryError: they have other dimensions, or one has no direction.
    """
    queries = as_floats(features, "features").detach().cpu().float()  # type: ignore[arg-type]
    queries = queries[None] if queries.ndim == 1 else queries
    if queries.ndim != 2 or queries.shape[1] != dim:
        raise GalleryError(f"Queries must be (Q, {dim}), got {tuple(queries.shape)}; encode them by the index's model.")
    lengths = queries.norm(dim=1)
    if not bool((torch.isfinite(lengths) & (lengths > 0)).all()):
        raise GalleryError(
            "A query's feature is zero or not a number: a diverged model, or a sum of opposite features."
        )
    return F.normalize(queries)


def best_rows(queries: Tensor, vectors: Tensor, top: int, mask: NDArray[np.bool_] | None = None) -> Ranked:
    """The ``top`` rows of ``vectors`` (N, D) for each of ``queries`` (Q, D), fewer if the mask (N,) keeps fewer."""
    top = min(top, len(vectors) if mask is None else int(np.count_nonzero(mask)))
    some = queries.split(QUERIES) if len(queries) else [queries]
    blocks = [best_of(each, _blocks(vectors, len(each), mask), top) for each in some]
    return Ranked(torch.cat([block.scores for block in blocks]), torch.cat([block.rows for block in blocks]))


def _blocks(vectors: Tensor, queries: int, mask: NDArray[np.bool_] | None) -> Iterator[VectorBlock]:
    """Consecutive blocks of the rows that the mask keeps."""
    step = max(1, SCORES // max(1, queries))
    if mask is not None and np.count_nonzero(mask) <= FEW * len(mask):
        for rows in torch.from_numpy(np.flatnonzero(mask)).split(min(step, GATHERED)):
            yield rows, vectors[rows], None
        return
    kept = None if mask is None else torch.from_numpy(mask)
    for start in range(0, len(vectors), step):
        some = vectors[start : start + step]
        yield torch.arange(start, start + len(some)), some, None if kept is None else kept[start : start + step]


@torch.inference_mode()
def best_of(queries: Tensor, blocks: Iterable[VectorBlock], top: int) -> Ranked:
    """The ``top`` best rows of ``blocks``, which have no fewer that count and are read once."""
    best = Ranked(queries.new_empty(len(queries), 0), torch.empty(len(queries), 0, dtype=torch.int64))
    for numbers, vectors, kept in blocks:
        scores = queries @ vectors.T
        if kept is not None:
            scores.masked_fill_(~kept, -torch.inf)
        values, places = _first(scores, min(top, len(vectors)))
        joined = Ranked(torch.cat([best.scores, values], 1), torch.cat([best.rows, numbers[places]], 1))
        order = joined.scores.argsort(dim=1, descending=True, stable=True)[:, :top]  # earlier blocks stay in front
        best = Ranked(joined.scores.gather(1, order), joined.rows.gather(1, order))
    return best


def _first(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k best of every row of ``scores`` (Q, n) and their places, as a stable sort would have them."""
    more = min(k + 1, scores.shape[1])
    values, places = scores.topk(more, 1)  # ties in any order
    tied = (values[:, k] == values[:, k - 1]) if 0 < k < more else torch.zeros(len(scores), dtype=torch.bool)
    values, places = values[:, :k], places[:, :k]
    by_place = places.argsort(dim=1)
    order = by_place.gather(1, values.gather(1, by_place).argsort(dim=1, descending=True, stable=True))
    values, places = values.gather(1, order), places.gather(1, order)
    for row in tied.nonzero()[:, 0].tolist():  # others than these may be equal to the last
        at = (scores[row] >= values[row, -1]).nonzero()[:, 0]
        places[row] = at[scores[row, at].argsort(dim=0, descending=True, stable=True)[:k]]
    return values, places
