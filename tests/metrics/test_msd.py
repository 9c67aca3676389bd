"""mSD against loops written from the formula, in both forms."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from aio_plugin.errors import ProtocolError
from aio_plugin.metrics.distance import feature_rows
from aio_plugin.metrics.msd import NAMES, similarity_distribution, similarity_distributions
from aio_plugin.metrics.ranking import Ranking
from aio_plugin.metrics.retrieval import evaluate_rows


def slow(cosines, matches, form):
    """One query, term by term."""
    s = [(c + 1) / 2 for c in cosines]
    order = sorted(range(len(s)), key=lambda j: -s[j])
    m = [matches[j] for j in order]
    if form == "sorted":
        s = [s[j] for j in order]
    p = sum(a for a, b in zip(s, m, strict=True) if b) / sum(m)
    n = sum(a for a, b in zip(s, m, strict=True) if not b) / (len(m) - sum(m))
    terms = [sum(a * b for a, b in zip(s[: k + 1], m, strict=False)) / sum(s[: k + 1]) for k in range(len(s)) if m[k]]
    return (1 - math.exp(-p / n)) * sum(terms) / sum(m)


def features(seed, queries=23, gallery=31, people=7):
    generator = torch.Generator().manual_seed(seed)
    query, images = (torch.randn(n, 8, generator=generator) for n in (queries, gallery))
    return query, images, torch.arange(queries) % people, torch.arange(gallery) % people


def evaluate(query, gallery, q_pids, g_pids, metric="cosine", chunk=256):
    rows = feature_rows(query, gallery, metric, chunk=chunk)
    return evaluate_rows(rows, Ranking(q_pids, g_pids), measures=similarity_distributions(metric))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("form", ["release", "sorted"])
@pytest.mark.parametrize("chunk", [1, 5, 256])
def test_equals_the_loop(form, chunk, metric):
    query, gallery, q_pids, g_pids = features(0)
    cosines = (F.normalize(query) @ F.normalize(gallery).T).double()
    matches = q_pids[:, None] == g_pids
    expected = np.mean([slow(c.tolist(), m.tolist(), form) for c, m in zip(cosines, matches, strict=True)])
    result = evaluate(query, gallery, q_pids, g_pids, metric, chunk)
    assert result.measure(NAMES[form]) == pytest.approx(expected, abs=1e-6)
    assert result.measures[NAMES[form]].shape == (23,)
    assert form in NAMES[form]


def test_by_hand():
    """Cosines 0.6, 1, -0.2 are s = 0.8, 1, 0.4; the first and third image match, ranked second and third."""
    cosines, matches = torch.tensor([[0.6, 1.0, -0.2]], dtype=torch.float64), torch.tensor([[True, False, True]])
    ranked = (1 - math.exp(-0.6 / 1.0)) * (0.8 / 1.8 + 1.2 / 2.2) / 2
    assert similarity_distribution(cosines, matches, "sorted").item() == pytest.approx(ranked)
    unranked = (1 - math.exp(-((1.0 + 0.4) / 2) / 0.8)) * (1.0 / 1.8 + 1.4 / 2.2) / 2
    assert similarity_distribution(cosines, matches, "release").item() == pytest.approx(unranked)


def test_the_release_depends_on_the_order_of_the_gallery():
    query, gallery, q_pids, g_pids = features(1)
    order = torch.randperm(len(gallery), generator=torch.Generator().manual_seed(2))
    for form, same in (("sorted", True), ("release", False)):
        one = evaluate(query, gallery, q_pids, g_pids).measure(NAMES[form])
        other = evaluate(query, gallery[order], q_pids, g_pids[order]).measure(NAMES[form])
        assert (abs(one - other) < 1e-6) is same


def test_queries_without_a_match_or_a_stranger_do_not_count():
    query, gallery, _, _ = features(3, queries=3, gallery=4)
    for values in evaluate(query, gallery, [5, 9, 5], [5, 6, 5, 6]).measures.values():
        assert values.isnan().tolist() == [False, True, False]
    for values in evaluate(query, gallery, [5, 5, 5], [5, 5, 5, 5]).measures.values():
        assert values.isnan().all()


def test_refusals():
    cosines, matches = torch.zeros(1, 2), torch.tensor([[True, False]])
    with pytest.raises(ProtocolError, match="forms release and sorted"):
        similarity_distribution(cosines, matches, "paper")
    with pytest.raises(ProtocolError, match="not a number"):
        similarity_distribution(cosines * torch.nan, matches, "sorted")
