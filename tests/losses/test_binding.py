"""Feature binding and InfoNCE against loops written straight from the formulas."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aio_plugin.losses.binding import feature_binding, info_nce

BOTH = pytest.mark.parametrize("loss", [feature_binding, info_nce])
Loss = Callable[..., Tensor]


def cos(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def slow_binding(z, present, pids, tau):
    """Eq. 6, anchor by anchor."""
    terms = []
    for i in range(len(z)):
        partners = [m for m in range(1, z.shape[1]) if present[i, m]]
        rivals = [j for j in range(len(z)) if pids[j] != pids[i] and present[j, 0]]
        if not (present[i, 0] and partners and rivals):
            continue
        numerator = math.exp(sum(cos(z[i, 0], z[i, m]) / tau for m in partners) / len(partners))
        denominator = sum(math.exp(cos(z[i, 0], z[j, 0]) / tau) for j in rivals)
        terms.append(-math.log(numerator / denominator))
    return sum(terms) / len(terms) if terms else 0.0


def slow_info_nce(z, present, pids, tau):
    """Softmax over candidates, modality by modality, direction by direction, item by item."""
    modalities = []
    for m in range(1, z.shape[1]):
        pairs = [i for i in range(len(z)) if present[i, 0] and present[i, m]]
        directions = []
        for first, second in ((0, m), (m, 0)):
            terms = []
            for i in pairs:
                rivals = [j for j in pairs if j == i or pids[j] != pids[i]]
                scores = {j: math.exp(cos(z[i, first], z[j, second]) / tau) for j in rivals}
                terms.append(-math.log(scores[i] / sum(scores.values())))
            directions.append(sum(terms) / len(terms) if terms else 0.0)
        if pairs:
            modalities.append(sum(directions) / 2)
    return sum(modalities) / len(modalities) if modalities else 0.0


@st.composite
def batches(draw):
    """Features with modalities missing and persons repeated; missing rows hold zeros or rubbish."""
    size, modalities = draw(st.integers(1, 7)), draw(st.integers(2, 5))
    pids = torch.tensor(draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)))
    flags = draw(st.lists(st.booleans(), min_size=size * modalities, max_size=size * modalities))
    present = torch.tensor(flags).reshape(size, modalities)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 9999)))
    z = torch.randn(size, modalities, 6, generator=generator, dtype=torch.float64)
    z[~present] = draw(st.sampled_from([0.0, 3.0, math.nan, math.inf]))
    return z, present, pids


@pytest.mark.parametrize(("loss", "slow"), [(feature_binding, slow_binding), (info_nce, slow_info_nce)])
@pytest.mark.parametrize("tau", [0.05, 0.7])
def test_equals_the_slow_loop(loss, slow, tau):
    @settings(max_examples=60, deadline=None)
    @given(batches())
    def check(batch):
        z, present, pids = batch
        z.requires_grad_()
        value = loss(z, present, pids, tau)
        assert value.item() == pytest.approx(slow(z.detach(), present, pids, tau), rel=1e-9, abs=1e-9)
        value.backward()
        assert z.grad is not None
        assert z.grad.isfinite().all()
        assert (z.grad[~present] == 0).all()

    check()


def test_binding_of_orthogonal_persons():
    """Every modality equal to RGB, persons orthogonal: -(1 / tau) + log(B - 1)."""
    z = torch.eye(4)[:, None].expand(4, 3, 4)
    value = feature_binding(z, torch.ones(4, 3, dtype=torch.bool), torch.arange(4), 0.5)
    assert value.item() == pytest.approx(-2 + math.log(3))


def test_binding_has_no_positive_in_the_denominator():
    """With a positive in the denominator no anchor could fall below 0, as it does here."""
    z = torch.stack([torch.eye(2), torch.eye(2)], dim=1)
    assert feature_binding(z, torch.ones(2, 2), torch.tensor([0, 1]), 0.05).item() == pytest.approx(-20)
    assert info_nce(z, torch.ones(2, 2), torch.tensor([0, 1]), 0.05).item() == pytest.approx(0, abs=1e-6)


def test_binding_repels_only_rgb_from_rgb():
    """One anchor's term moves no other modality of other persons, and no same-person feature."""
    z = torch.randn(4, 3, 5, requires_grad=True)
    present = torch.tensor([[1, 1, 1], [1, 0, 0], [1, 0, 0], [0, 1, 1]]).bool()
    feature_binding(z, present, torch.tensor([7, 7, 8, 9])).backward()  # only item 0 is an anchor
    assert z.grad is not None
    moved = z.grad.abs().sum(-1) > 0
    assert moved.tolist() == [[True, True, True], [False] * 3, [True, False, False], [False] * 3]


def test_binding_does_not_depend_on_other_modalities_of_others():
    z, present = torch.randn(3, 3, 5), torch.ones(3, 3, dtype=torch.bool)
    present[1:, 1:] = False
    before = feature_binding(z, present, torch.arange(3))
    z[1:, 1:] = torch.randn(2, 2, 5)
    assert feature_binding(z, present, torch.arange(3)) == before


def test_binding_ignores_length_of_features():
    z, present, pids = torch.randn(4, 3, 5), torch.ones(4, 3), torch.arange(4)
    scaled = z * torch.rand(4, 3, 1).add(0.5)
    assert feature_binding(scaled, present, pids).item() == pytest.approx(feature_binding(z, present, pids).item())


def test_info_nce_is_symmetric():
    z, present, pids = torch.randn(5, 2, 6), torch.ones(5, 2), torch.tensor([0, 1, 1, 2, 3])
    assert info_nce(z.flip(1), present, pids).item() == pytest.approx(info_nce(z, present, pids).item(), rel=1e-5)


@BOTH
@pytest.mark.parametrize(
    ("present", "pids"),
    [
        ([[1, 1, 1]], [0]),
        ([[1, 1, 1], [1, 1, 1]], [4, 4]),
        ([[1, 0, 0], [1, 0, 0]], [0, 1]),
        ([[0, 1, 1], [0, 1, 1]], [0, 1]),
        ([[0, 0, 0], [0, 0, 0]], [0, 1]),
    ],
    ids=["batch of one", "one person", "rgb alone", "no rgb", "nothing"],
)
def test_nothing_to_compare_is_zero_with_a_graph(loss, present, pids):
    z = torch.randn(len(pids), 3, 4, requires_grad=True)
    value = loss(z, torch.tensor(present), torch.tensor(pids))
    value.backward()
    assert value.item() == 0
    assert z.grad is not None
    assert (z.grad == 0).all()


@BOTH
def test_empty_batch_is_zero(loss):
    z = torch.randn(0, 3, 4, requires_grad=True)
    value = loss(z, torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
    value.backward()
    assert value.item() == 0


@BOTH
def test_zero_features_give_no_nan(loss):
    z = torch.zeros(3, 3, 4, requires_grad=True)
    value = loss(z, torch.ones(3, 3), torch.arange(3))
    value.backward()
    assert value.isfinite()
    assert z.grad is not None
    assert z.grad.isfinite().all()


@BOTH
def test_gradcheck(loss):
    z = torch.randn(5, 3, 4, dtype=torch.float64, requires_grad=True)
    present = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]])
    pids = torch.tensor([0, 0, 1, 2, 2])
    assert torch.autograd.gradcheck(lambda x: loss(x, present, pids, 0.3), z)


@BOTH
def test_half_precision_is_computed_in_float32(loss):
    z, present, pids = torch.randn(6, 3, 8).bfloat16(), torch.ones(6, 3), torch.arange(6)
    expected = loss(z.float(), present, pids)
    assert expected.dtype is torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss(z.float(), present, pids)
    torch.testing.assert_close(loss(z, present, pids), expected, rtol=0, atol=0)
    torch.testing.assert_close(inside, expected, rtol=0, atol=0)
