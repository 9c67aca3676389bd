"""The losses and the table of benchmarks.binding."""

import sys
from importlib import import_module

import pytest
import torch
from torch import nn

import aio_plugin
from aio_plugin.errors import AIOError
from aio_plugin.losses.binding import feature_binding, info_nce
from aio_plugin.losses.criterion import LossInputs
from benchmarks import binding

PIDS = torch.tensor([0, 1, 2, 2, 3])
PRESENT = torch.tensor([[1, 0, 1], [1, 0, 1], [1, 0, 1], [1, 0, 1], [1, 0, 0]])
"""As in the runs, a modality occurs in no item."""


@pytest.fixture
def losses(monkeypatch):
    monkeypatch.setattr(aio_plugin, "register_loss", lambda name: lambda loss: loss)
    monkeypatch.delitem(sys.modules, "benchmarks.binding_losses", raising=False)
    return import_module("benchmarks.binding_losses")


def features(double=True):
    z = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64 if double else None)
    return z.requires_grad_()


def gradient(loss, z):
    return torch.autograd.grad(loss, z)[0]


@pytest.mark.parametrize(
    ("negatives", "positive", "same"), [("own", False, feature_binding), ("other", True, info_nce)]
)
def test_two_choices_are_losses_of_the_package(losses, negatives, positive, same):
    both = features()[:4], PRESENT[:4], PIDS[:4], 0.05
    torch.testing.assert_close(losses.pull_and_push(*both, negatives, positive), same(*both))


@pytest.mark.parametrize("positive", [False, True])
def test_negatives_of_both_modalities_equal_a_slow_loop(losses, positive):
    z = features()
    unit, directions = z / z.norm(dim=2, keepdim=True), []
    for first, second in ((0, 2), (2, 0)):
        terms = []
        for i in range(4):
            rivals = [unit[j, m] for j in range(4) if PIDS[j] != PIDS[i] for m in (0, 2)]
            rivals += [unit[i, second]] * positive
            below = sum(torch.exp(unit[i, first] @ rival / 0.5) for rival in rivals)
            terms.append(torch.log(below) - unit[i, first] @ unit[i, second] / 0.5)
        directions.append(sum(terms) / 4)
    loss = losses.pull_and_push(z, PRESENT, PIDS, 0.5, "both", positive)
    torch.testing.assert_close(loss, sum(directions) / 2)
    assert torch.autograd.gradcheck(lambda z: losses.pull_and_push(z, PRESENT, PIDS, 0.5, "both", positive), z)


def test_detached_negatives_change_the_gradient_alone(losses):
    z = features()
    whole, detached = (losses.pull_and_push(z, PRESENT, PIDS, 0.5, "own", detach=each) for each in (False, True))
    assert whole == detached
    assert not torch.allclose(gradient(whole, z), gradient(detached, z))


def test_standardised_as_a_fresh_bottleneck_does(losses):
    z = features(double=False)
    found = losses.standardised(z, PRESENT)
    torch.testing.assert_close(found[:, 0], nn.BatchNorm1d(4)(z[:, 0]))
    torch.testing.assert_close(found[:4, 2], nn.BatchNorm1d(4)(z[:4, 2]))
    assert (found[4, 1:] == 0).all()


def test_eq_6_comes_after_the_first_steps(losses, monkeypatch):
    monkeypatch.setattr(losses, "FIRST_STEPS", 1)
    z = features()
    inputs = LossInputs({"z": z, "present": PRESENT, "pid": PIDS}, tau=0.5)
    values = [losses.after_info_nce(inputs) for _ in range(3)]
    assert values == [each(z, PRESENT, PIDS, 0.5) for each in (info_nce, feature_binding, feature_binding)]


def row(variant, seed, rank):
    training = {"loss_ce": 4.0, "cos_rgb": 0.5, "margin": 0.1}
    rates = {"R->R": rank, "T->R": 0.1}
    return {"variant": variant, "seed": seed, "rank-1": rates, "training": training, "cpu_seconds": 100 + seed}


def test_the_table_has_means_and_deviations():
    table = binding.markdown([row("InfoNCE", 1, 0.3), row("InfoNCE", 2, 0.4), row("Eq. 6", 1, 0.2)])
    assert "| InfoNCE | 2 | 35.0 ± 7.1 | 10.0 ± 0.0 | 4.00 ± 0.00 | 0.50 ± 0.00 | 0.100 ± 0.000 | 102 |" in table
    assert "| Eq. 6 | 1 | 20.0 | 10.0 | 4.00 | 0.50 | 0.100 | 101 |" in table


@pytest.mark.parametrize("text", ["[", "[]", "{}"])
def test_results_that_cannot_be_read_are_named(tmp_path, text):
    (tmp_path / "binding.json").write_text(text)
    with pytest.raises(AIOError, match=r"binding\.json.*python -m benchmarks\.binding"):
        binding.read(tmp_path / "binding.json")
