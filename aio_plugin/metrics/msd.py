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

import functools
from typing import Literal

import torch
from torch import Tensor

from ..errors import ProtocolError
from .distance import Metric, similarities
from .retrieval import QueryMeasure

Form = Literal["release", "sorted"]
NAMES: dict[Form, str] = {"release": "mSD (release-compatible)", "sorted": "mSD (sorted)"}
"""Names of the forms in results."""


def similarity_distributions(metric: Metric) -> dict[str, QueryMeasure]:
    """Both forms by name, as measures of :func:`aio_plugin.metrics.retrieval.evaluate_rows`.

    Args:
        metric: what the distances are, of features of unit length.
    """
    return {name: functools.partial(_measure, metric, form) for form, name in NAMES.items()}


def _measure(metric: Metric, form: Form, distances: Tensor, is_match: Tensor) -> Tensor:
    return similarity_distribution(similarities(distances, metric), is_match, form)


def similarity_distribution(similarity: Tensor, is_match: Tensor, form: Form) -> Tensor:
    """SD of every query; ties are ranked in the order of the gallery.

    Args:
        similarity: (B, G) cosines.
        is_match: (B, G) bool, whether the gallery image shows the query's person.

    Returns:
        (B,) float64; NaN where a query has no match or no other image.

    Raises:
        ProtocolError: the form is unknown, or a similarity is not a number.

    Example:
        >>> cosines, is_match = torch.tensor([[0.6, 1.0, -0.2]]), torch.tensor([[True, False, True]])
        >>> similarity_distribution(cosines, is_match, "sorted")
        tensor([0.2233], dtype=torch.float64)
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
    values = (1 - (-positive / negative).exp()) * (share * m).sum(1) / matches
    return values.where((matches > 0) & (matches < m.shape[1]), torch.nan)
