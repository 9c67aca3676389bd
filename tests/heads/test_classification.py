"""BNNeck, classifier and attribute decoder."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from aio_plugin.errors import ModalityError
from aio_plugin.heads.attributes import AttributeDecoder
from aio_plugin.heads.classification import BNNeck, Bottleneck, Classifier

INDEX = torch.tensor([0, 2, 0, 2, 2, 0, 1, 1])


@pytest.fixture
def features() -> torch.Tensor:
    """Slots of very different location and scale."""
    return torch.randn(8, 6) * (INDEX + 1)[:, None] + 10 * INDEX[:, None]


def reference(dim: int) -> nn.BatchNorm1d:
    """The bottleneck of Bag of Tricks: a shift that is frozen at 0."""
    norm = nn.BatchNorm1d(dim)
    norm.bias.requires_grad_(False)
    return norm


def test_shared_equals_a_batch_norm_with_frozen_shift(features: torch.Tensor) -> None:
    neck, norm = BNNeck(6, 3), reference(6)
    torch.testing.assert_close(neck(features, INDEX), norm(features))
    torch.testing.assert_close(neck.eval()(features, INDEX), norm.eval()(features))


def test_per_modality_equals_one_batch_norm_each(features: torch.Tensor) -> None:
    neck, norms = BNNeck(6, 3, "per_modality"), [reference(6) for _ in range(3)]
    for training in (True, False):
        out = neck.train(training)(features, INDEX)
        for slot, norm in enumerate(norms):
            rows = (slot == INDEX).nonzero().flatten()
            torch.testing.assert_close(out[rows], norm.train(training)(features[rows]))


@pytest.mark.parametrize("mode", ["shared", "per_modality"])
def test_gradient_reaches_every_feature(features: torch.Tensor, mode: str) -> None:
    features.requires_grad_()
    (BNNeck(6, 3, mode)(features, INDEX) ** 3).sum().backward()
    assert features.grad is not None
    assert (features.grad != 0).any(1).all()


def test_no_shift_however_parameters_are_opened() -> None:
    """torchreid's open_all_layers() sets requires_grad on all parameters."""
    neck = BNNeck(6, 3, "per_modality")
    for parameter in neck.parameters():
        parameter.requires_grad_(True)
    assert [name for name, _ in neck.named_parameters()] == ["necks.0.weight", "necks.1.weight", "necks.2.weight"]
    optimizer = torch.optim.SGD(neck.parameters(), 1.0)
    neck(torch.randn(8, 6), INDEX).square().sum().add(neck(torch.randn(8, 6), INDEX).sum()).backward()
    optimizer.step()
    zero = (neck.necks[0].running_mean[None]).clone()
    assert neck.eval()(zero, torch.tensor([0])).abs().max() < 1e-6


@pytest.mark.parametrize(("mode", "index"), [("shared", [0]), ("per_modality", [0]), ("per_modality", [0, 1, 1])])
def test_a_single_row_uses_running_statistics_and_warns_once(mode: str, index: list[int]) -> None:
    neck = BNNeck(4, 2, mode)
    neck(torch.randn(6, 4) * 3 + 1, torch.tensor([0, 0, 0, 1, 1, 1]))
    before = neck.necks[0].running_mean.clone()
    x = torch.randn(len(index), 4, requires_grad=True)
    with pytest.warns(UserWarning, match="single feature") as caught:
        out = neck(x, torch.tensor(index))
    assert len(caught) == 1
    out.sum().backward()
    assert x.grad is not None
    assert (x.grad[0] != 0).all()
    assert torch.equal(neck.necks[0].running_mean, before)
    torch.testing.assert_close(out[0], neck.necks[0].eval()(x[:1])[0])
    neck.train()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        neck(x, torch.tensor(index))
    assert neck.necks[0].single_rows == 2


@pytest.mark.parametrize("mode", ["shared", "per_modality"])
@pytest.mark.parametrize("training", [True, False])
def test_no_rows(mode: str, training: bool) -> None:
    neck = BNNeck(4, 2, mode).train(training)
    assert neck(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)).shape == (0, 4)


def test_half_precision_rows() -> None:
    neck, x = BNNeck(4, 2, "per_modality"), torch.randn(8, 4)
    index = torch.arange(8) % 2
    half = neck(x.bfloat16(), index)
    assert half.dtype is torch.bfloat16
    torch.testing.assert_close(half.float(), neck(x, index), atol=0.05, rtol=0.05)


def test_unknown_mode_and_slot() -> None:
    with pytest.raises(ModalityError, match="Did you mean 'shared'"):
        BNNeck(4, 2, "share")
    for slot in (2, -1):
        with pytest.raises(ModalityError, match=r"of slots \[.*\], but .* 0 to 1"):
            BNNeck(4, 2, "per_modality")(torch.randn(2, 4), torch.tensor([0, slot]))


def test_bottleneck_resets() -> None:
    neck = Bottleneck(3)
    neck(torch.randn(5, 3))
    nn.init.zeros_(neck.weight)
    neck.reset_parameters()
    assert torch.equal(neck.weight, torch.ones(3))
    assert torch.equal(neck.running_mean, torch.zeros(3))


def test_classifier() -> None:
    torch.manual_seed(0)
    classifier = Classifier(64, 500)
    assert [name for name, _ in classifier.named_parameters()] == ["weight"]
    assert classifier.weight.std().item() == pytest.approx(0.001, rel=0.05)
    assert classifier(torch.randn(3, 64)).shape == (3, 500)


def test_attribute_decoder() -> None:
    decoder = AttributeDecoder(8, 20)
    linear = [layer for layer in decoder if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(16, 8), (8, 8), (8, 20)]
    assert sum(isinstance(layer, nn.GELU) for layer in decoder) == 2
    assert not isinstance(decoder[-1], nn.GELU)
    pairs = torch.randn(5, 16, requires_grad=True)
    decoder(pairs).sum().backward()
    assert pairs.grad is not None
    assert (pairs.grad != 0).all()  # both the picture and the word count
    assert decoder(torch.zeros(0, 16)).shape == (0, 20)
    assert [layer.in_features for layer in AttributeDecoder(8, 20, hidden=0)] == [16]
