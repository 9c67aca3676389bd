"""LanceDB's approximate index over the vectors of an index: built, measured against exact search, and asked.

Its candidates are compared anew by exact cosines. Rows that were added since it was built are searched exactly, until
there are enough of them to extend it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import GalleryError
from .exact import Ranked, VectorBlock, best_of
from .store import Store

if TYPE_CHECKING:
    import pyarrow as pa

OFFERED = 200_000
"""Rows from which on ``aio-reid index`` recommends it: exact search of one query reads 400 MB there."""
PARTITION = 1 << 20
"""Rows of a partition; of fewer rows there is one, which needs no choice of partitions."""
PROBES = 4
"""Partitions that a query looks into."""
RECALL, QUERIES, TOP = 0.99, 200, 10
"""The mean share of the ten nearest rows that is wanted, of so many rows as queries."""
EFFORTS = ((64, 3), (150, 5), (400, 10), (1000, 20))
"""Candidates that the graph keeps, and the multiple of the top that is compared anew; the first that reaches RECALL."""

_METADATA = "aio_plugin_ann"


@dataclass(frozen=True)
class AnnSettings:
    """How an index is searched approximately, and how good that is.

    Attributes:
        rows: of the index when it was built.
        candidates, refined: the effort, see :data:`EFFORTS`.
        recall: the mean share of the ten nearest other rows that were found, of ``queries`` rows of the index.
    """

    rows: int
    candidates: int
    refined: int
    recall: float
    queries: int


def ann_settings(store: Store) -> AnnSettings | None:
    """Those of an index; None if it has no approximate index."""
    text = (store.schema.field("vector").metadata or {}).get(_METADATA.encode())
    if text is None:
        return None
    try:
        return AnnSettings(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise GalleryError(f"{store.uri}: the settings of --ann are damaged ({error}); give --ann again.") from error


def build_ann(store: Store) -> AnnSettings:
    """Build the approximate index, or build it anew, and measure it.

    Raises:
        GalleryError: there are too few rows, or the index is damaged.
        WriteError: the disk is full and the like.
    """
    count = store.count()
    if count <= QUERIES:
        raise GalleryError(f"{store.uri} has {count:,} rows; --ann is for thousands, exact search is fast here.")
    store.build_ann(max(1, count // PARTITION))
    row_ids = store.read([])["_rowid"].to_numpy()
    chosen = np.sort(np.random.default_rng(0).choice(row_ids, QUERIES, replace=False))
    own, queries = _vectors(store.take(chosen.tolist(), ["vector"]).sort_by("_rowid"), store.index.dim)
    exact = best_of(queries, stored_blocks(store), TOP + 1).rows.numpy()
    settings = AnnSettings(count, 0, 0, 0.0, QUERIES)
    for candidates, refined in EFFORTS:
        settings = AnnSettings(count, candidates, refined, 0.0, QUERIES)
        found = nearest(store, settings, queries, TOP + 1).rows.numpy()
        settings = AnnSettings(count, candidates, refined, _recall(exact, found, own), QUERIES)
        if settings.recall >= RECALL:
            break
    store.describe("vector", {_METADATA: json.dumps(asdict(settings))})
    return settings


def _recall(exact: NDArray[np.int64], found: NDArray[np.int64], own: NDArray[np.int64]) -> float:
    """Mean share of the exact neighbours that were found, the query's own row left out."""
    shares = []
    for wanted, rows, query in zip(exact.tolist(), found.tolist(), own.tolist(), strict=True):
        others = [row for row in wanted if row != query][:TOP]
        shares.append(len({*others} & {*rows}) / len(others))
    return round(float(np.mean(shares)), 4)


def nearest(store: Store, settings: AnnSettings, queries: Tensor, top: int, where: str = "") -> Ranked:
    """The rows nearest to unit queries (Q, D) by the approximate index; their numbers are ``_rowid``.

    Args:
        where: a condition in SQL; where it leaves the graph with fewer than ``top`` rows, they are searched exactly.
    """
    scores, rows = [], []
    for query in queries:
        found = store.nearest(
            query.tolist(),
            top,
            where,
            ef=max(settings.candidates, top * settings.refined),
            refine_factor=settings.refined,
            nprobes=PROBES,
        )
        ids = torch.from_numpy(found["_rowid"].to_numpy().astype(np.int64))
        cosines = 1 - torch.from_numpy(found["_distance"].to_numpy().astype(np.float32))
        if len(ids) < top:
            best = best_of(query[None], stored_blocks(store, where), top)
            ids, cosines = best.rows[0], best.scores[0]
        scores.append(cosines)
        rows.append(ids)
    return Ranked(torch.stack(scores), torch.stack(rows))


def stored_blocks(store: Store, where: str = "") -> Iterator[VectorBlock]:
    """The vectors of the rows that a condition holds for, as they are read, numbered by ``_rowid``."""
    for batch in store.batches(["vector"], where):
        rows, vectors = _vectors(batch, store.index.dim)
        yield torch.from_numpy(rows), vectors, None


def _vectors(rows: pa.Table | pa.RecordBatch, dim: int) -> tuple[NDArray[np.int64], Tensor]:
    """``_rowid`` (n,) and vectors (n, D) of a batch or table."""
    column = rows.column("vector")
    flat = (column.combine_chunks() if hasattr(column, "combine_chunks") else column).flatten().to_numpy()
    vectors = torch.from_numpy(np.array(flat.reshape(-1, dim), np.float32))
    return rows.column("_rowid").to_numpy().astype(np.int64), vectors
