"""k-reciprocal re-ranking (Zhong et al., CVPR 2017) of the best gallery pictures of one query."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

K1, K2, ORIGINAL = 20, 6, 0.3
"""k1, k2 and lambda of the paper, and torchreid's."""


def reciprocal_distances(query: Tensor, candidates: Tensor) -> NDArray[np.float64]:
    """Distances (K) of a query (D) to its candidates (K, D): the paper's eq. 12, as if they were the whole gallery.

    A candidate is near if its k-reciprocal neighbours are those of the query (Jaccard distance of the encoded sets,
    eq. 10), and if its feature is near. Memory and time depend on K alone: some matrices (K + 1, K + 1).
    """
    features = F.normalize(torch.cat([query[None], candidates])).double().numpy()
    squares = (1 - features @ features.T) ** 2
    distances = (squares / np.maximum(squares.max(0), np.finfo(float).tiny)).T
    order = distances.argsort(axis=1, kind="stable")
    reciprocal, half = _reciprocal(order, K1), _reciprocal(order, round(K1 / 2))
    # eq. 5: the neighbours of a neighbour come in, if more than two thirds of them are neighbours already
    shared = reciprocal.astype(float) @ half.T
    joining = reciprocal & (shared > 2 / 3 * half.sum(1))
    expanded = reciprocal | (joining.astype(float) @ half > 0)
    encoded = np.exp(-distances) * expanded  # eq. 7
    encoded /= encoded.sum(1, keepdims=True)
    encoded = encoded[order[:, :K2]].mean(1)  # eq. 11, local query expansion
    shares = np.minimum(encoded[0], encoded[1:]).sum(1)
    result: NDArray[np.float64] = (1 - ORIGINAL) * (1 - shares / (2 - shares)) + ORIGINAL * distances[0, 1:]
    return result


def _reciprocal(order: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
    """(K + 1, K + 1) which pictures are among each other's k nearest, themselves among them."""
    near = np.zeros(order.shape, np.bool_)
    np.put_along_axis(near, order[:, : k + 1], True, axis=1)
    np.fill_diagonal(near, True)  # where more than k equal pictures stand before it
    both: NDArray[np.bool_] = near & near.T
    return both
