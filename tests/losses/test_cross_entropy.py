"""Cross-entropy and weighted-regularisation triplet."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin.losses.cross_entropy import cross_entropy
from aio_plugin.losses.triplet import weighted_regularised_triplet
from aio_plugin.torchvision_import import repair_torchvision


def slow_cross_entropy(logits, labels, smoothing):
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        norm = math.log(sum(math.exp(x) for x in row))
        for c, x in enumerate(row):
            total -= ((1 - smoothing) * (c == label) + smoothing / len(row)) * (x - norm)
    return total / len(labels)


def slow_triplet(features, labels):
    terms = []
    for i in range(len(features)):
        distance = [float((features[i] - other).norm()) for other in features]
        positive = [d for j, d in enumerate(distance) if j != i and labels[j] == labels[i]]
        negative = [d for j, d in enumerate(distance) if labels[j] != labels[i]]
        if positive and negative:
            furthest = sum(math.exp(d) * d for d in positive) / sum(math.exp(d) for d in positive)
            closest = sum(math.exp(-d) * d for d in negative) / sum(math.exp(-d) for d in negative)
            terms.append(math.log(1 + math.exp(furthest - closest)))
    return sum(terms) / len(terms) if terms else 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.sampled_from([0.0, 0.1, 1.0]), st.integers(0, 999))
def test_cross_entropy_equals_the_slow_loop(rows, classes, smoothing, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, classes, generator=generator, dtype=torch.float64) * 4
    labels = torch.randint(classes, (rows,), generator=generator)
    value = cross_entropy(logits, labels, smoothing).item()
    assert value == pytest.approx(slow_cross_entropy(logits, labels, smoothing), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("smooth", [False, True])
def test_cross_entropy_equals_torchreids(smooth):
    repair_torchvision()
    losses = pytest.importorskip("torchreid").losses
    logits, labels = torch.randn(8, 5), torch.randint(5, (8,))
    theirs = losses.CrossEntropyLoss(5, use_gpu=False, label_smooth=smooth)(logits, labels)
    torch.testing.assert_close(cross_entropy(logits, labels, 0.1 if smooth else 0.0), theirs)


def test_uniform_logits_cost_the_log_of_the_classes():
    labels = torch.tensor([0, 3, 6])
    for smoothing in (0.0, 0.1):
        assert cross_entropy(torch.zeros(3, 7), labels, smoothing).item() == pytest.approx(math.log(7))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=7), st.sampled_from([0.1, 1.0, 20.0]), st.integers(0, 999))
def test_triplet_equals_the_slow_loop(persons, spread, seed):
    features = torch.randn(len(persons), 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    features, labels = features * spread, torch.tensor(persons)
    value = weighted_regularised_triplet(features, labels).item()
    assert value == pytest.approx(slow_triplet(features, labels), rel=1e-9, abs=1e-12)


def test_triplet_of_known_distances():
    """A positive at 1 and a negative at 3 (4 from the other one): weights are all 1."""
    features, labels = torch.tensor([[0.0], [1.0], [-3.0]]), torch.tensor([0, 0, 1])
    expected = (math.log1p(math.exp(1 - 3)) + math.log1p(math.exp(1 - 4))) / 2
    assert weighted_regularised_triplet(features, labels).item() == pytest.approx(expected)


def test_triplet_survives_equal_features():
    features = torch.zeros(4, 3, requires_grad=True)
    value = weighted_regularised_triplet(features, torch.tensor([0, 0, 1, 1]))
    value.backward()
    assert value.item() == pytest.approx(math.log(2))
    assert features.grad is not None
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("labels", [[0], [1, 1, 1], [0, 1, 2], []], ids=["one", "one person", "all others", "none"])
def test_triplet_without_triplets_is_zero_with_a_graph(labels):
    features = torch.randn(len(labels), 3, requires_grad=True)
    value = weighted_regularised_triplet(features, torch.tensor(labels, dtype=torch.long))
    value.backward()
    assert value.item() == 0
    assert features.grad is not None
    assert (features.grad == 0).all()


def test_no_rows_are_zero_with_a_graph():
    weight = torch.randn(4, 6, requires_grad=True)
    value = cross_entropy(torch.zeros(0, 4) @ weight, torch.zeros(0, dtype=torch.long))
    value.backward()
    assert value.item() == 0
    assert weight.grad is not None
    assert (weight.grad == 0).all()


LABELS = torch.tensor([0, 0, 1, 2, 2])
LOSSES = pytest.mark.parametrize(
    "loss",
    [
        lambda x: cross_entropy(x, LABELS),
        lambda x: cross_entropy(x, LABELS, smoothing=0.1),
        lambda x: weighted_regularised_triplet(x, LABELS),
    ],
    ids=["cross entropy", "smoothed", "triplet"],
)


@LOSSES
def test_gradcheck(loss):
    assert torch.autograd.gradcheck(loss, torch.randn(5, 4, dtype=torch.float64, requires_grad=True))


@LOSSES
def test_half_precision_is_computed_in_float32(loss):
    half = torch.randn(5, 4).bfloat16()
    expected = loss(half.float())
    assert expected.dtype is torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss(half.float())
    torch.testing.assert_close(loss(half), expected, rtol=0, atol=0)
    torch.testing.assert_close(inside, expected, rtol=0, atol=0)
