"""The soft-margin triplet and the identity contrast, against loops written from the formulas."""

import math

import pytest
import torch

from aio_plugin.losses.binding import identity_contrast
from aio_plugin.losses.triplet import soft_margin_triplet


def slow_triplet(features, labels):
    found = []
    for i, anchor in enumerate(features):
        distances = [math.sqrt(sum((a - b) ** 2 for a, b in zip(anchor, other, strict=True))) for other in features]
        positive = [d for j, d in enumerate(distances) if labels[j] == labels[i] and j != i]
        negative = [d for j, d in enumerate(distances) if labels[j] != labels[i]]
        if positive and negative:
            found.append(math.log(1 + math.exp(max(positive) - min(negative))))
    return sum(found) / len(found) if found else 0.0


def slow_contrast(first, second, present, pids, tau):
    unit = [[v / math.sqrt(sum(x * x for x in row)) for v in row] for row in [*first, *second]]
    n = len(first)
    total, items = 0.0, [i for i in range(n) if present[i]]
    for a, b in ((unit[:n], unit[n:]), (unit[n:], unit[:n])):
        for i in items:
            scores = {j: sum(x * y for x, y in zip(a[i], b[j], strict=True)) / tau for j in items}
            bottom = math.log(sum(math.exp(s) for s in scores.values()))
            same = [j for j in items if pids[j] == pids[i]]
            total += -sum(scores[j] - bottom for j in same) / len(same)
    return total / 2 / len(items) if items else 0.0


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 2, 2], [0, 0, 1, 2, 3, 4], [5, 5, 5, 9, 9, 5]])
def test_triplet_equals_the_slow_form(labels):
    torch.manual_seed(sum(labels))
    features = torch.randn(6, 3, dtype=torch.float64)
    expected = slow_triplet(features.tolist(), labels)
    assert soft_margin_triplet(features, torch.tensor(labels)).item() == pytest.approx(expected, abs=1e-12)


def test_triplet_by_hand():
    features = torch.tensor([[0.0], [3.0], [4.0]], dtype=torch.float64)  # hardest: d(0, 1) - d(0, 2), d(1, 0) - d(1, 2)
    expected = (math.log(1 + math.exp(3 - 4)) + math.log(1 + math.exp(3 - 1))) / 2
    assert soft_margin_triplet(features, torch.tensor([0, 0, 1])).item() == pytest.approx(expected)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [7, 7, 7, 7], [], [1]])
def test_triplet_without_a_triplet_is_zero_with_a_graph(labels):
    features = torch.randn(len(labels), 3, requires_grad=True)
    value = soft_margin_triplet(features, torch.tensor(labels, dtype=torch.long))
    value.backward()
    assert value == 0
    assert torch.equal(features.grad, torch.zeros_like(features))


def test_triplet_of_equal_features_and_of_skipped_anchors_has_a_finite_gradient():
    features = torch.ones(5, 3, requires_grad=True)
    value = soft_margin_triplet(features, torch.tensor([0, 0, 1, 1, 2]))
    value.backward()
    assert value.item() == pytest.approx(math.log(2))
    assert features.grad.isfinite().all()


def test_triplet_gradient():
    torch.manual_seed(1)
    features = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1, 2, 3])
    assert torch.autograd.gradcheck(lambda x: soft_margin_triplet(x, labels), features)


def test_triplet_in_half_precision_is_computed_in_full():
    features = torch.randn(4, 8)
    labels = torch.tensor([0, 0, 1, 1])
    value = soft_margin_triplet(features.bfloat16(), labels)
    assert value.dtype is torch.float32
    torch.testing.assert_close(value, soft_margin_triplet(features.bfloat16().float(), labels))


@pytest.mark.parametrize(
    ("present", "pids"),
    [([1, 1, 1, 1], [0, 0, 1, 1]), ([1, 0, 1, 1], [0, 0, 1, 0]), ([1, 1, 0, 0], [3, 3, 3, 1]), ([0, 0, 0, 0], [0] * 4)],
)
def test_contrast_equals_the_slow_form(present, pids):
    torch.manual_seed(2)
    first, second = torch.randn(2, 4, 3, dtype=torch.float64)
    value = identity_contrast(first, second, torch.tensor(present, dtype=torch.bool), torch.tensor(pids), 0.3)
    assert value.item() == pytest.approx(slow_contrast(first.tolist(), second.tolist(), present, pids, 0.3), abs=1e-12)


def test_contrast_gradient_and_rows_not_read():
    torch.manual_seed(3)
    pair = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    present, pids = torch.tensor([True, True, True, False]), torch.tensor([0, 0, 1, 1])
    assert torch.autograd.gradcheck(lambda x: identity_contrast(x[0], x[1], present, pids, 0.5), pair)
    identity_contrast(pair[0], pair[1], present, pids).backward()
    assert torch.equal(pair.grad[:, 3], torch.zeros(2, 3, dtype=torch.float64))
