"""Mean similarity distribution (mSD), the metric of UFineBench (Zuo et al., CVPR 2024, arXiv:2312.03441).

With the cosine similarities of a query to the gallery moved to s in [0, 1], and m_k = 1 where the k-th
ranked of G images is a match, R of them in all, a query has

    SD = (1 - exp(-p / n)) * 1/R * sum_k m_k * (sum_{j<=k} s_j m_j) / (sum_{j<=k} s_j),
    p = sum_j s_j m_j / R,    n = sum_j s_j (1 - m_j) / (G - R).

It exists in two forms that give different numbers, so a result must name its form: ``sorted`` takes s_j of
the j-th ranked image, so that s and m speak of the same image; ``release`` takes s_j of the j-th image in
the order of the gallery, as the authors' published code does, and so depends on that order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..errors import ProtocolError
from .distance import CHUNK, feature_rows

Form = Literal["release", "sorted"]
NAMES: dict[Form, str] = {"release": "mSD (release-compatible)", "sorted": "mSD (sorted)"}
"""What the forms are called in results."""


@dataclass(frozen=True)
class MSD:
    """A mean similarity distribution.

    Attributes:
        name: of the form, one of NAMES.
        value: a fraction, the mean over the queries that have a match and a non-match in the gallery.
        num_valid, num_query: those queries, and all.
    """

    name: str
    value: float
    num_valid: int
    num_query: int


def mean_similarity_distribution(
    query_features: Tensor,
    gallery_features: Tensor,
    q_pids: ArrayLike,
    g_pids: ArrayLike,
    form: Form,
    chunk: int = CHUNK,
) -> MSD:
    """mSD of features, a chunk of queries at a time, on the device of the gallery.

    Args:
        query_features, gallery_features: (Q, D), (G, D).
        q_pids, g_pids: (Q,), (G,) identities.

    Raises:
        ProtocolError: shapes do not fit, the form is not known, a feature is not a number, or no query has
            both a match and a non-match.
    """
    device = gallery_features.device
    wanted, there = (torch.as_tensor(pids).to(device) for pids in (q_pids, g_pids))
    if (len(wanted), len(there)) != (len(query_features), len(gallery_features)):
        raise ProtocolError(
            f"There must be an identity for every feature, got {len(wanted)} for {len(query_features)} queries and "
            f"{len(there)} for {len(gallery_features)} gallery images."
        )
    total, valid, start = 0.0, 0, 0
    for rows in feature_rows(query_features, gallery_features, "cosine", chunk=chunk):
        is_match = wanted[start : start + len(rows), None] == there
        start += len(rows)
        found = is_match.any(1) & ~is_match.all(1)
        total += float(similarity_distribution(1 - rows[found], is_match[found], form).sum())
        valid += int(found.sum())
    if not valid:
        raise ProtocolError(
            f"None of the {len(wanted)} queries has both a match and another person in the gallery of {len(there)}. "
            f"Check that query and gallery are of one split."
        )
    return MSD(NAMES[form], total / valid, valid, len(wanted))


def similarity_distribution(similarity: Tensor, is_match: Tensor, form: Form) -> Tensor:
    """SD of queries each of which has a match and a non-match; ties are ranked in the order of the gallery.

    Args:
        similarity: (B, G) cosines.
        is_match: (B, G) bool, whether the gallery image shows the query's person.

    Returns:
        (B,) float64.

    Raises:
        ProtocolError: the form is not known, or a similarity is not a number.
    """
    if form not in NAMES:
        raise ProtocolError(f"mSD has the forms {' and '.join(NAMES)}, got {form!r}.")
    if similarity.isnan().any():
        raise ProtocolError("A similarity is not a number. Check the features.")
    s = (similarity.double() + 1) / 2
    order = s.argsort(dim=1, descending=True, stable=True)
    m = is_match.gather(1, order)
    if form == "sorted":
        s = s.gather(1, order)
    matches = m.sum(1)
    matched = (s * m).cumsum(1)
    everything = s.cumsum(1)
    share = torch.where(everything > 0, matched / everything, 0.0)
    positive = matched[:, -1] / matches
    negative = (everything[:, -1] - matched[:, -1]) / (m.shape[1] - matches)
    return (1 - (-positive / negative).exp()) * (share * m).sum(1) / matches
