"""BNNeck, classifier and attribute decoder."""

import warnings

import pytest
import torch
from torch import nn

from aio_plugin.errors import ConfigError, ModalityError
from aio_plugin.heads.classification import AttributeDecoder, BNNeck, Bottleneck, Classifier
from aio_plugin.losses.shards import Shard

INDEX = torch.tensor([0, 2, 0, 2, 2, 0, 1, 1])


@pytest.fixture
def features():
    """Slots of very different location and scale."""
    return torch.randn(8, 6) * (INDEX + 1)[:, None] + 10 * INDEX[:, None]


def reference(dim):
    """The bottleneck of Bag of Tricks: a shift that is frozen at 0."""
    norm = nn.BatchNorm1d(dim)
    norm.bias.requires_grad_(False)
    return norm


def test_shared_equals_a_batch_norm_with_frozen_shift(features):
    neck, norm = BNNeck(6, 3), reference(6)
    torch.testing.assert_close(neck(features, INDEX), norm(features))
    torch.testing.assert_close(neck.eval()(features, INDEX), norm.eval()(features))


def test_per_modality_equals_one_batch_norm_each(features):
    neck, norms = BNNeck(6, 3, "per_modality"), [reference(6) for _ in range(3)]
    for training in (True, False):
        out = neck.train(training)(features, INDEX)
        for slot, norm in enumerate(norms):
            rows = (slot == INDEX).nonzero().flatten()
            torch.testing.assert_close(out[rows], norm.train(training)(features[rows]))


@pytest.mark.parametrize("mode", ["shared", "per_modality"])
def test_gradient_reaches_every_feature(features, mode):
    features.requires_grad_()
    (BNNeck(6, 3, mode)(features, INDEX) ** 3).sum().backward()
    assert (features.grad != 0).any(1).all()


def test_no_shift_however_parameters_are_opened():
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


def used_neck(mode):
    neck = BNNeck(4, 2, mode)
    neck(torch.randn(6, 4) * 3 + 1, torch.tensor([0, 0, 0, 1, 1, 1]))
    return neck


@pytest.mark.parametrize(("mode", "index"), [("shared", [0]), ("per_modality", [0]), ("per_modality", [0, 1, 1])])
def test_a_single_row_uses_running_statistics_and_warns_once(mode, index):
    neck = used_neck(mode)
    before = neck.necks[0].running_mean.clone()
    x = torch.randn(len(index), 4, requires_grad=True)
    with pytest.warns(UserWarning, match="single feature") as caught:
        out = neck(x, torch.tensor(index))
    assert len(caught) == 1
    out.sum().backward()
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
def test_no_rows(mode, training):
    neck = used_neck(mode)
    before = {name: value.clone() for name, value in neck.train(training).state_dict().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert neck(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)).shape == (0, 4)
    torch.testing.assert_close(dict(neck.state_dict()), before, rtol=0, atol=0)
    assert [one.single_rows for one in neck.necks] == [0] * len(neck.necks)


def test_half_precision_rows():
    neck, x = BNNeck(4, 2, "per_modality"), torch.randn(8, 4)
    index = torch.arange(8) % 2
    half = neck(x.bfloat16(), index)
    assert half.dtype is torch.bfloat16
    torch.testing.assert_close(half.float(), neck(x, index), atol=0.05, rtol=0.05)


def test_unknown_mode_and_slot():
    with pytest.raises(ModalityError, match="Did you mean 'shared'"):
        BNNeck(4, 2, "share")
    for slot in (2, -1):
        with pytest.raises(ModalityError, match=r"slots \[.*\], but .* 0 to 1"):
            BNNeck(4, 2, "per_modality")(torch.randn(2, 4), torch.tensor([0, slot]))


def test_bottleneck_resets():
    neck = Bottleneck(3)
    neck(torch.randn(5, 3))
    nn.init.zeros_(neck.weight)
    neck.reset_parameters()
    assert torch.equal(neck.weight, torch.ones(3))
    assert torch.equal(neck.running_mean, torch.zeros(3))


def test_classifier():
    torch.manual_seed(0)
    classifier = Classifier(64, 500)
    assert [name for name, _ in classifier.named_parameters()] == ["weight"]
    assert classifier.weight.std().item() == pytest.approx(0.001, rel=0.05)
    assert classifier(torch.randn(3, 64)).shape == (3, 500)


def test_attribute_decoder():
    decoder = AttributeDecoder(8, 20)
    linear = [layer for layer in decoder if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(16, 8), (8, 8), (8, 20)]
    assert sum(isinstance(layer, nn.GELU) for layer in decoder) == 2
    assert not isinstance(decoder[-1], nn.GELU)
    pairs = torch.randn(5, 16, requires_grad=True)
    decoder(pairs).sum().backward()
    assert (pairs.grad != 0).all()  # both the picture and the word count
    assert decoder(torch.zeros(0, 16)).shape == (0, 20)
    assert [layer.in_features for layer in AttributeDecoder(8, 20, hidden=0)] == [16]


@pytest.mark.parametrize("arranged", [None, {}, {"shared": True}], ids=["as made", "nothing", "without ranks"])
def test_a_whole_classifier_gives_plain_logits(arranged):
    classifier, features = Classifier(4, 6), torch.randn(3, 4)
    weight = classifier.weight
    if arranged is not None:
        classifier.arrange(**arranged)
    out = classifier.outputs(features, torch.tensor([0, 5, 5]))
    assert list(out) == ["logits"]
    assert classifier.weight is weight
    assert torch.equal(out["logits"], nn.functional.linear(features, weight))


@pytest.mark.parametrize("arranged", [{"fraction": 0.5}, {"sizes": [2, 4]}])
def test_an_arranged_classifier_gives_what_the_loss_needs_and_keeps_its_state(arranged):
    plain, classifier, features = Classifier(4, 6), Classifier(4, 6), torch.randn(3, 4)
    classifier.arrange(**arranged)
    out = classifier.outputs(features, torch.tensor([0, 5, 5]))
    assert {name: (value.shape, value.requires_grad) for name, value in out.items()} == {
        "log_p": ((3,), True),
        "log_p_mean": ((3,), True),
        "hit": ((3,), False),
    }
    assert list(classifier.state_dict()) == ["weight"]
    plain.load_state_dict(classifier.state_dict())
    assert torch.equal(plain.weight, classifier.weight)
    assert torch.equal(classifier(features), plain(features))


def test_own_dataset_starts_where_the_sizes_say():
    classifier, features, labels = Classifier(4, 6), torch.randn(3, 4), torch.tensor([1, 5, 2])
    nn.init.normal_(classifier.weight)
    classifier.arrange(sizes=[2, 4])
    logits = classifier(features)
    expected = [logits[0, :2].log_softmax(0)[1], logits[1, 2:].log_softmax(0)[3], logits[2, 2:].log_softmax(0)[0]]
    torch.testing.assert_close(classifier.outputs(features, labels)["log_p"], torch.stack(expected))


@pytest.mark.parametrize("sizes", [[], [2, 3]])
def test_own_dataset_without_the_datasets_is_refused_in_training_alone(sizes):
    classifier = Classifier(4, 6)
    classifier.arrange(sizes=sizes)
    assert classifier(torch.randn(2, 4)).shape == (2, 6)
    with pytest.raises(ConfigError, match=rf"6 classes, .* have {sum(sizes)}"):
        classifier.outputs(torch.randn(2, 4), torch.tensor([0, 1]))


def test_a_share_of_the_classifier_takes_its_rows_and_gives_no_logits(monkeypatch):
    whole, classifier = Classifier(4, 7), Classifier(4, 7)
    expected = classifier.weight.detach()[2:4]
    monkeypatch.setattr(Shard, "here", classmethod(lambda cls, rows: cls(rows, 1, 3)))
    classifier.arrange(shared=True)
    assert (classifier.classes, classifier.out_features) == (7, 2)
    assert torch.equal(classifier.weight, expected)
    classifier.load_state_dict(whole.state_dict())
    assert torch.equal(classifier.weight, whole.weight[2:4])
    with pytest.raises(RuntimeError, match="size mismatch"):
        classifier.load_state_dict(Classifier(4, 8).state_dict())
    with pytest.raises(ConfigError, match=r"aio\.classifier\.shard"):
        classifier(torch.randn(2, 4))
