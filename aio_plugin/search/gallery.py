"""An index of pictures as it is searched: its vectors in memory and ranked exactly, or by LanceDB's ANN index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import GalleryError
from ..outside_files import lies_below
from .ann import AnnSettings, ann_settings, nearest
from .exact import best_rows, unit_queries
from .filters import Filter
from .store import OWN, Store

if TYPE_CHECKING:
    import pyarrow as pa

UNIT = 1e-3
"""How far from 1 the length of a stored vector may be; further off it is damaged."""


class Hits(NamedTuple):
    """What queries found, best first.

    Attributes:
        ids: of Q queries, of their k best rows.
        scores: (Q, k) cosines, float32.
        rows: (Q, k) row numbers, which :meth:`Gallery.values` and :attr:`Gallery.vectors` take.
    """

    ids: list[list[str]]
    scores: NDArray[np.float32]
    rows: NDArray[np.int64]


class Gallery:
    """An index at one version, whatever is written to it meanwhile; see :mod:`.store` for its columns.

    Rows are numbered from 0 in the order in which they were written. What is read stays in memory: N x D x 4 bytes for
    exact search, and the columns that filters ask for.

    Args:
        uri: of the index: a folder that ends in ``.lance``, or the same in object storage.
        root: the folder that paths are below; "" = where it was when the index was made.
        version: None = the newest.

    Raises:
        GalleryError: LanceDB is not installed, there is no such index, or it is damaged.

    Example::

        gallery = Gallery("people.lance")
        gallery.require_model(model.digest)
        hits = gallery.search(model.encode(rgb=["a.jpg"]), top=5, where=Filter({"camera": ["2"]}))
        print(gallery.values(hits.rows[0], ["path", "camera"]).to_pylist())
    """

    def __init__(self, uri: str | os.PathLike[str], *, root: str = "", version: int | None = None) -> None:
        self._store = Store(uri, version)
        self.uri, self.version, self.index = self._store.uri, self._store.version, self._store.index
        self.root = root or self.index.root
        self._row_ids: NDArray[np.uint64] = self._store.read([])["_rowid"].to_numpy()
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._vectors: Tensor | None = None

    def __len__(self) -> int:
        return len(self._row_ids)

    def __repr__(self) -> str:
        return f"<{self.uri}: {len(self):,} pictures x {self.index.dim}, version {self.version}>"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns but the vectors', further ones last."""
        return (*(name for name in OWN if name != "vector"), *self._store.columns[4:])

    @property
    def vectors(self) -> Tensor:
        """(N, D) float32 of unit length, read at the first use.

        Raises:
            GalleryError: the index is damaged.
        """
        if self._vectors is None:
            self._vectors = self._read_vectors()
        return self._vectors

    def require_model(self, digest: str) -> None:
        """Raise GalleryError unless the index was made by the model of this digest."""
        require_model(self._store, digest)

    def column(self, name: str) -> pa.ChunkedArray:
        """The values (N) of a column, kept in memory.

        Raises:
            GalleryError: there is no such column, or the index is damaged.
        """
        if name not in self._columns:
            if name not in self.columns:
                raise GalleryError(f"{self.uri} has no column {name[:80]!r}; it has {', '.join(self.columns)}.")
            table = self._store.read([name])
            self._require_order(table["_rowid"].to_numpy())
            self._columns[name] = table[name]
        return self._columns[name]

    def mask(self, where: Filter) -> NDArray[np.bool_]:
        """(N,) which rows a filter keeps.

        Raises:
            GalleryError: the index has no column that it names.
        """
        return where.mask(self.column, self._store.schema) if where else np.ones(len(self), np.bool_)

    @property
    def ann(self) -> AnnSettings | None:
        """How the index is searched approximately; None if ``aio-reid index --ann`` was not given."""
        return ann_settings(self._store)

    def search(
        self,
        features: Tensor | NDArray[Any],
        top: int = 20,
        where: Filter | NDArray[np.bool_] | None = None,
        exact: bool = False,
    ) -> Hits:
        """The rows most similar to each query, in the order of cosines, and of rows where they are equal.

        Args:
            features: (Q, D) of queries, of any length but 0.
            top: rows of each query; fewer if there are fewer.
            where: a filter; or a mask (N,), which is always searched exactly.
            exact: do not use the approximate index (:attr:`ann`), if there is one. It misses some rows, and the vectors
                need not be in memory.

        Raises:
            GalleryError: the features do not fit, or ``top`` is below 1.
        """
        if top < 1:
            raise GalleryError(f"top is {top}; give 1 or more.")
        queries = unit_queries(features, self.index.dim)
        approximate = None if exact or isinstance(where, np.ndarray) or not len(queries) else self.ann
        if approximate is not None:
            condition = where.sql(self._store.schema) if isinstance(where, Filter) else ""
            found = nearest(self._store, approximate, queries, top, condition)
            scores, rows = found.scores.numpy(), self._rows_of(found.rows.numpy())
            order = np.lexsort((rows, -scores))
            scores, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
            return Hits(self._ids(rows), scores, rows)
        mask = self.mask(where) if isinstance(where, Filter) else where
        if mask is not None and mask.shape != (len(self),):
            raise GalleryError(f"The mask is of shape {mask.shape}; the index has {len(self)} rows.")
        ranked = best_rows(queries, self.vectors, top, mask)
        rows = ranked.rows.numpy()
        return Hits(self._ids(rows), ranked.scores.numpy(), rows)

    def values(self, rows: Sequence[int] | NDArray[np.int64], columns: Sequence[str] = ()) -> pa.Table:
        """Some columns, or all but the vectors, of some rows, in their order.

        Raises:
            GalleryError: there is no such row or column, or the index is damaged.
        """
        wanted = np.asarray(rows, np.int64)
        if wanted.ndim != 1 or ((wanted < 0) | (wanted >= len(self))).any():
            raise GalleryError(f"Rows count from 0 to {len(self) - 1}; {rows!r:.80} are not rows.")
        names = list(columns or self.columns)
        unknown = [name for name in names if name not in self.columns]
        if unknown:
            raise GalleryError(f"{self.uri} has no column {unknown[0][:80]!r}; it has {', '.join(self.columns)}.")
        distinct, places = np.unique(self._row_ids[wanted], return_inverse=True)
        table = self._store.take(distinct.tolist(), names)
        self._require(sorted(table["_rowid"].to_pylist()) == distinct.tolist(), "rows are missing")
        return table.sort_by("_rowid").take(places).select(names)

    def file(self, row: int) -> str:
        """The picture's file on disk.

        Raises:
            GalleryError: there is no such row, or its path leads out of the root.
        """
        path = os.path.join(self.root, str(self.values([row], ["path"])["path"][0]))
        if not lies_below(path, self.root):
            raise GalleryError(f"{self.uri}: the path {path!r} of row {row} does not lie below {self.root!r}.")
        return path

    def _rows_of(self, row_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row numbers of ``_rowid``."""
        order = self._row_ids.argsort()
        places = np.searchsorted(self._row_ids, row_ids.astype(np.uint64), sorter=order)
        return order[places]

    def _ids(self, rows: NDArray[np.int64]) -> list[list[str]]:
        ids = self.column("id").take(rows.ravel()).to_pylist()
        return [ids[at : at + rows.shape[1]] for at in range(0, len(ids), max(1, rows.shape[1]))] or [[] for _ in rows]

    def _read_vectors(self) -> Tensor:
        vectors = np.empty((len(self), self.index.dim), np.float32)
        row_ids, start = np.empty(len(self), np.uint64), 0
        for batch in self._store.batches(["vector"]):
            stop = start + len(batch)
            column = batch.column("vector")
            self._require(stop <= len(vectors) and not column.null_count, "rows are missing")
            vectors[start:stop] = column.flatten().to_numpy().reshape(len(batch), self.index.dim)
            row_ids[start:stop] = batch.column("_rowid").to_numpy()
            with np.errstate(over="ignore"):
                lengths = np.linalg.norm(vectors[start:stop], axis=1)
            self._require(bool((abs(lengths - 1) < UNIT).all()), "vectors are not of unit length")
            start = stop
        self._require_order(row_ids[:start])
        return torch.from_numpy(vectors)

    def _require_order(self, row_ids: NDArray[np.uint64]) -> None:
        self._require(np.array_equal(row_ids, self._row_ids), "rows come in another order")

    def _require(self, whole: bool, fault: str) -> None:
        if not whole:
            raise GalleryError(
                f"{self.uri}: the index is damaged ({fault}). Restore it from a copy, or remove its folder and index "
                "the pictures again."
            )


def require_model(store: Store, digest: str) -> None:
    """Raise GalleryError unless an index was made by the model of this digest."""
    if digest != store.index.digest:
        raise GalleryError(
            f"{store.uri} was made by another model ({store.index.digest[:12]}, this one is {digest[:12]}): their "
            "features cannot be compared. Give the weights that it was made by, or make another index."
        )
