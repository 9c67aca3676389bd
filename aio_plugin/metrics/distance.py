"""Distances of features, a chunk of queries at a time."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

from ..errors import ProtocolError
from .threads import in_shares

Metric = Literal["cosine", "euclidean"]
DISTANCES: tuple[Metric, ...] = ("cosine", "euclidean")
CHUNK = 256
"""Queries at a time: enough for an efficient matrix product, few enough to stay small beside the gallery."""
_SLAB = 1024
"""Gallery items per matrix product on a CPU: MKL is faster so, and the next operation finds them in the cache."""


def feature_rows(
    query: Tensor, gallery: Tensor, metric: Metric = "cosine", normalise: bool = True, chunk: int = CHUNK
) -> Iterator[Tensor]:
    """Yield (chunk, G) float32 distances of consecutive queries, on the device of the gallery.

    Args:
        query, gallery: (Q, D), (G, D) features.
        metric: "cosine", 1 - cos, or "euclidean", squared, which ranks the same.
        normalise: L2-normalise first; "cosine" always does.

    Raises:
        ProtocolError: the features do not fit each other, or the metric is unknown.
    """
    if metric not in DISTANCES:
        raise ProtocolError(f"Distance {metric!r} is not known; use {' or '.join(DISTANCES)}.")
    if query.ndim != 2 or gallery.ndim != 2 or query.shape[1] != gallery.shape[1]:
        raise ProtocolError(
            f"Features must be (Q, D) and (G, D) with one D, got {tuple(query.shape)} and {tuple(gallery.shape)}."
        )
    if chunk < 1:
        raise ProtocolError(f"chunk must be 1 or more, got {chunk}.")
    return _feature_rows(query.detach(), gallery.detach().float(), metric, normalise or metric == "cosine", chunk)


def _feature_rows(query: Tensor, gallery: Tensor, metric: Metric, normalise: bool, chunk: int) -> Iterator[Tensor]:
    if normalise:
        gallery = F.normalize(gallery)
    slabs = gallery.split(_SLAB) if gallery.device.type == "cpu" else (gallery,)
    squares = None if metric == "cosine" else [slab.square().sum(1) for slab in slabs]
    for rows in query.split(chunk):
        rows = rows.to(gallery.device, torch.float32)
        block = rows.new_empty(len(rows), len(gallery))
        fill = functools.partial(_fill, block, rows, slabs, squares, normalise)
        if gallery.device.type == "cpu":
            in_shares(len(rows), fill)
        else:
            fill(slice(None))
        yield block


@torch.inference_mode()  # the caller may use it, and threads do not inherit it
def _fill(
    block: Tensor,
    rows: Tensor,
    slabs: Sequence[Tensor],
    squares: Sequence[Tensor] | None,
    normalise: bool,
    some: slice,
) -> None:
    """Some rows of a block of distances: cosine, or euclidean from the squares of the gallery's lengths."""
    rows = F.normalize(rows[some]) if normalise else rows[some]
    parts = block[some].split(len(slabs[0]), dim=1)
    if squares is None:
        one = rows.new_ones(())
        for part, slab in zip(parts, slabs, strict=True):
            torch.sub(one, torch.mm(rows, slab.T, out=part), out=part)
    else:
        own = rows.square().sum(1, keepdim=True)
        for part, slab, square in zip(parts, slabs, squares, strict=True):
            torch.add(own, square, out=part).addmm_(rows, slab.T, alpha=-2)


def similarities(distances: Tensor, metric: Metric) -> Tensor:
    """Cosines from the distances of features of unit length."""
    return 1 - distances if metric == "cosine" else 1 - distances / 2


def matrix_rows(matrix: ArrayLike, chunk: int = CHUNK) -> Iterator[Tensor]:
    """Yield (chunk, G) rows of a (Q, G) matrix of distances, float32 or float64.

    Raises:
        ProtocolError: it is not a matrix of real numbers.
    """
    rows = as_floats(matrix, "distances")
    if rows.ndim != 2:
        raise ProtocolError(f"Distances must be a (Q, G) matrix, got shape {tuple(rows.shape)}.")
    return iter(rows.split(chunk))


def as_floats(values: ArrayLike, what: str) -> Tensor:
    """Real numbers as a tensor of float32, or of float64 where they may need it; of numpy arrays on the CPU.

    Args:
        what: the numbers, for the message: "distances".

    Raises:
        ProtocolError: they are not real numbers, or lists of different lengths.
    """
    if not isinstance(values, Tensor):
        try:
            array = np.asarray(values)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ProtocolError(f"The {what} are not an array: {error}. Pass a tensor or an array.") from error
        if array.dtype.kind not in "fiu":
            raise ProtocolError(
                f"The {what} must be real numbers, got {array.dtype}. Pass a tensor or an array of floats."
            )
        small = np.can_cast(array.dtype, np.float32)
        values = torch.from_numpy(np.require(array, np.float32 if small else np.float64, ["C", "W"]))
    if values.is_complex() or values.dtype == torch.bool:
        raise ProtocolError(f"The {what} must be real numbers, got {values.dtype}.")
    wide = values.dtype == torch.float64 or (not values.is_floating_point() and values.element_size() > 2)
    return values.double() if wide else values.float()
