"""Pictures of an index put together into people, without knowing who they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional as F

from ..errors import GalleryError
from .exact import best_rows

NEIGHBOURS = 5
"""Nearest neighbours that count as such. On the toy Market-1501 (1,576 pictures of 200 people, ``aio_tiny``, threshold
at a false-accept rate of 0.001) the F1 of pairs was 0.65, 0.75, 0.56 and 0.38 with 3, 5, 10 and 20; HDBSCAN's 0.75."""

People = NDArray[np.int64]
"""(N) number of the person of every picture, from 0, those of most pictures first."""


def by_neighbours(features: Tensor, threshold: float, neighbours: int = NEIGHBOURS) -> People:
    """Connected components: linked are two that are among each other's nearest neighbours, at the threshold or above.

    Args:
        features: (N, D) of unit length.
        threshold: cosine.
        neighbours: how many are near; the ``neighbours`` best besides itself.
    """
    best = best_rows(features, features, neighbours + 1)
    at = np.repeat(np.arange(len(features)), best.rows.shape[1])
    near = (best.scores.numpy() >= threshold).ravel()
    links = coo_matrix((np.ones(near.sum()), (at[near], best.rows.numpy().ravel()[near])), (len(features),) * 2).tocsr()
    return _by_size(connected_components(links.minimum(links.T), directed=False)[1])


def by_density(features: Tensor) -> People:
    """HDBSCAN (scikit-learn's) over distances of unit features; what it calls noise is a person of its own each.

    Raises:
        GalleryError: scikit-learn is not installed.
    """
    try:
        from sklearn.cluster import HDBSCAN
    except ImportError as error:
        raise GalleryError(f"HDBSCAN needs scikit-learn ({error}). Install it: pip install scikit-learn") from error
    if len(features) < 2:
        return np.zeros(len(features), np.int64)
    found = HDBSCAN(min_cluster_size=2, copy=True).fit(features.numpy()).labels_.astype(np.int64)
    return _by_size(np.where(found < 0, len(found) + np.arange(len(found)), found))


def track_means(features: Tensor, codes: NDArray[np.int64]) -> tuple[Tensor, NDArray[np.int64]]:
    """The mean of every track's unit features, at unit length, and which of them each picture is of.

    Args:
        features: (N, D).
        codes: (N) the same for pictures of one track.
    """
    tracks, of = np.unique(codes, return_inverse=True)
    sums = torch.zeros(len(tracks), features.shape[1]).index_add_(0, torch.from_numpy(of), F.normalize(features))
    return F.normalize(sums), of


def _by_size(labels: NDArray[np.int64]) -> People:
    _, first, numbers, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -counts))
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places[numbers]


class Agreement(NamedTuple):
    """How well people that were found are those that are known; fractions.

    Attributes:
        pictures: that were compared: those of known people.
        purity: share of pictures whose found person is mostly of their own.
        precision, recall: of the pairs that were put together, the share that is right; of the pairs of one person, the
            share that was put together; NaN where there are no such pairs.
        f1: harmonic mean of both.
    """

    pictures: int
    purity: float
    precision: float
    recall: float
    f1: float


def agreement(people: People, pids: Sequence[str | None]) -> Agreement | None:
    """Of the pictures whose pid is known; None if there are none."""
    pairs = [(int(found), pid) for found, pid in zip(people, pids, strict=True) if pid]
    if not pairs:
        return None
    both, found, known = Counter(pairs), Counter(f for f, _ in pairs), Counter(p for _, p in pairs)
    most: dict[int, int] = {}
    for (number, _), count in both.items():
        most[number] = max(count, most.get(number, 0))
    right, together, same = (sum(n * (n - 1) // 2 for n in counts.values()) for counts in (both, found, known))
    shares = [_ratio(right, together), _ratio(right, same), _ratio(2 * right, together + same)]
    return Agreement(len(pairs), sum(most.values()) / len(pairs), *shares)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
