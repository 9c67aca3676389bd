"""Every loss: against loops written straight from its formula, its gradient, and what a batch may lack."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin.losses.binding import binding_state, feature_binding, identity_contrast, info_nce
from aio_plugin.losses.cross_entropy import cross_entropy
from aio_plugin.losses.triplet import soft_margin_triplet, weighted_regularised_triplet

from . import slow


def contrast(z, present, pids, tau=0.05):
    return identity_contrast(z[:, 0], z[:, 1], present[:, 0].bool() & present[:, 1].bool(), pids, tau)


TRIPLETS = {"soft": soft_margin_triplet, "weighted": weighted_regularised_triplet}
ENTROPIES = {"plain": cross_entropy, "smoothed": lambda x, labels: cross_entropy(x, labels, smoothing=0.1)}
BINDING = {"binding": feature_binding, "nce": info_nce, "contrast": contrast}
LOSSES = {
    **{name: lambda x, present, pids, loss=loss: loss(x, pids) for name, loss in {**TRIPLETS, **ENTROPIES}.items()},
    **{name: lambda x, *labels, loss=loss: loss(x.view(-1, 3, 4), *labels, 0.3) for name, loss in BINDING.items()},
}
"""Each of features or logits (B, 12), the modalities present (B, 3), and persons."""
PRESENT = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]])
PIDS = torch.tensor([0, 0, 1, 2, 2])
EVERY_LOSS = pytest.mark.parametrize("name", LOSSES)


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


@pytest.mark.parametrize(
    ("loss", "expected"),
    [(feature_binding, slow.feature_binding), (info_nce, slow.info_nce), (contrast, slow.identity_contrast)],
)
@pytest.mark.parametrize("tau", [0.05, 0.7])
def test_binding_equals_the_slow_loop(loss, expected, tau):
    @settings(max_examples=60, deadline=None)
    @given(batches())
    def check(batch):
        z, present, pids = batch
        z.requires_grad_()
        value = loss(z, present, pids, tau)
        assert value.item() == pytest.approx(expected(z.detach(), present, pids, tau), rel=1e-9, abs=1e-9)
        value.backward()
        assert z.grad.isfinite().all()
        assert (z.grad[~present] == 0).all()

    check()


@settings(max_examples=60, deadline=None)
@given(batches())
def test_the_binding_state_equals_the_slow_loop(batch):
    z, present, pids = batch
    assert binding_state(*batch).tolist() == pytest.approx(slow.binding_state(z, present, pids), abs=1e-9)


def test_binding_has_no_positive_in_the_denominator():
    """With a positive in the denominator no anchor could fall below 0, as it does here."""
    z = torch.stack([torch.eye(2), torch.eye(2)], dim=1)
    assert feature_binding(z, torch.ones(2, 2), torch.tensor([0, 1]), 0.05).item() == pytest.approx(-20)
    assert info_nce(z, torch.ones(2, 2), torch.tensor([0, 1]), 0.05).item() == pytest.approx(0, abs=1e-6)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=7), st.sampled_from([0.1, 1.0, 20.0]), st.integers(0, 999))
@pytest.mark.parametrize("name", TRIPLETS)
def test_triplet_equals_the_slow_loop(name, persons, spread, seed):
    features = torch.randn(len(persons), 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    loss, expected = TRIPLETS[name], getattr(slow, TRIPLETS[name].__name__)
    value = loss(features * spread, torch.tensor(persons)).item()
    assert value == pytest.approx(expected(features * spread, persons), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", TRIPLETS)
def test_triplets_of_equal_features_and_of_skipped_anchors_have_a_finite_gradient(name):
    features = torch.ones(5, 3, requires_grad=True)
    value = TRIPLETS[name](features, torch.tensor([0, 0, 1, 1, 2]))
    value.backward()
    assert value.item() == pytest.approx(math.log(2))
    assert features.grad.isfinite().all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.sampled_from([0.0, 0.1, 1.0]), st.integers(0, 999))
def test_cross_entropy_equals_the_slow_loop(rows, classes, smoothing, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, classes, generator=generator, dtype=torch.float64) * 4
    labels = torch.randint(classes, (rows,), generator=generator)
    expected = slow.cross_entropy(logits, labels, smoothing)
    assert cross_entropy(logits, labels, smoothing).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("smooth", [False, True])
def test_cross_entropy_equals_torchreids(smooth):
    losses = pytest.importorskip("torchreid").losses
    logits, labels = torch.randn(8, 5), torch.randint(5, (8,))
    theirs = losses.CrossEntropyLoss(5, use_gpu=False, label_smooth=smooth)(logits, labels)
    torch.testing.assert_close(cross_entropy(logits, labels, 0.1 if smooth else 0.0), theirs)


@pytest.mark.parametrize(
    ("names", "present", "pids"),
    [
        (LOSSES, [], []),
        ([*TRIPLETS, *BINDING], [[1, 1, 1]], [0]),
        ([*TRIPLETS, "binding", "nce"], [[1, 1, 1]] * 3, [4, 4, 4]),
        (TRIPLETS, [[1, 1, 1]] * 3, [0, 1, 2]),
        (BINDING, [[1, 0, 0]] * 2, [0, 1]),
        (BINDING, [[0, 1, 1]] * 2, [0, 1]),
        (BINDING, [[0, 0, 0]] * 2, [0, 1]),
    ],
    ids=["no rows", "batch of one", "one person", "no positives", "rgb alone", "no rgb", "nothing"],
)
def test_nothing_to_compare_is_zero_with_a_graph(names, present, pids):
    for name in names:
        weight = torch.randn(4, 12, requires_grad=True)
        present_, pids_ = torch.tensor(present).reshape(-1, 3).bool(), torch.tensor(pids, dtype=torch.long)
        value = LOSSES[name](torch.randn(len(pids), 4) @ weight, present_, pids_)
        value.backward()
        assert value.item() == 0, name
        assert (weight.grad == 0).all(), name


@EVERY_LOSS
def test_zero_features_give_no_nan(name):
    x = torch.zeros(5, 12, requires_grad=True)
    value = LOSSES[name](x, PRESENT, PIDS)
    value.backward()
    assert value.isfinite()
    assert x.grad.isfinite().all()


@EVERY_LOSS
def test_gradcheck(name):
    x = torch.randn(5, 12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, PRESENT, PIDS), x)


@EVERY_LOSS
def test_half_precision_is_computed_in_float32(name):
    half = torch.randn(5, 12).bfloat16()
    expected = LOSSES[name](half.float(), PRESENT, PIDS)
    assert expected.dtype is torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        inside = LOSSES[name](half.float(), PRESENT, PIDS)
    torch.testing.assert_close(LOSSES[name](half, PRESENT, PIDS), expected, rtol=0, atol=0)
    torch.testing.assert_close(inside, expected, rtol=0, atol=0)
