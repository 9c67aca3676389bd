"""``aio.classifier`` from the config to the loss, for both methods."""

import math

import pytest
import torch

from aio_plugin import config
from aio_plugin.errors import ConfigError
from aio_plugin.losses.criterion import total_loss
from aio_plugin.losses.shards import Shard
from aio_plugin.models.aio import AIO
from aio_plugin.models.build import build_model

from .helpers import small_batch

SIZE = (32, 16)
PRESENT = {"aio_tiny": [[1, 1, 0, 1], [1, 0, 1, 0], [1, 1, 1, 1]], "dmf_tiny": [[1], [1], [1], [1]]}


def options(**classifier):
    return config.parse_config({"encoder": {"weights": "random"}, "classifier": classifier})


def model_of(name, sizes=(), **classifier):
    torch.manual_seed(0)
    return build_model(name, 10, options(**classifier), SIZE, sizes=sizes).train()


def step(model):
    """Outputs, loss, log and the classifier's gradient of one training step."""
    batch = small_batch(PRESENT["aio_tiny" if isinstance(model, AIO) else "dmf_tiny"])
    torch.manual_seed(4)
    outputs = model(batch)
    loss, summary = total_loss(outputs, model.loss_weights(options()), 0.1)
    loss.backward()
    return outputs, loss, summary, model.classifier.weight.grad


@pytest.mark.parametrize("name", PRESENT)
def test_sampled_training_reaches_sampled_rows_alone_and_leaves_the_rest_as_it_is(name):
    plain, model = model_of(name), model_of(name, fraction=0.5)
    for (key, ours), theirs in zip(model.state_dict().items(), plain.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), key
    outputs, loss, summary, gradient = step(model)
    expected = step(plain)
    assert torch.isfinite(loss)
    assert summary["loss_ce"] == pytest.approx(math.log(5), abs=0.02)  # of weights of next to nothing
    assert expected[2]["loss_ce"] == pytest.approx(math.log(10), abs=0.02)
    assert 0 <= summary["acc"] <= 100
    touched = gradient.abs().sum(1).nonzero().flatten().tolist()
    assert len(touched) == 5
    assert set(outputs["labels"].tolist()) <= set(touched)
    plain.load_state_dict(model.state_dict())
    images = torch.randn(2, 3, *SIZE)
    assert torch.equal(model.eval()(images), plain.eval()(images))


@pytest.mark.parametrize("name", PRESENT)
def test_comparing_with_the_own_dataset_leaves_the_others_alone(name):
    model = model_of(name, [5, 5], negatives="own_dataset")
    _, _, summary, gradient = step(model)
    assert summary["loss_ce"] == pytest.approx(math.log(5), abs=0.02)
    assert gradient.abs().sum(1).nonzero().flatten().tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ConfigError, match="10 classes, .* have 9"):
        step(model_of(name, [5, 4], negatives="own_dataset"))


def test_the_log_counts_hits_among_the_classes_compared():
    model = model_of("aio_tiny", fraction=0.5)
    outputs, *_ = step(model)
    outputs["hit"] = torch.arange(len(outputs["hit"])) % 4 == 0
    summary = total_loss(outputs, model.loss_weights(options()))[1]
    assert summary["acc"] == pytest.approx(100 * float(outputs["hit"].float().mean()))


def test_rows_of_ranks_are_kept_from_being_averaged(monkeypatch):
    assert not hasattr(model_of("aio_tiny", shard=True), "_ddp_params_and_buffers_to_ignore")
    monkeypatch.setattr(Shard, "here", classmethod(lambda cls, rows: cls(rows, 1, 3)))
    model = model_of("aio_tiny", shard=True)
    assert model._ddp_params_and_buffers_to_ignore == ["classifier.weight"]
    assert dict(model.named_parameters())["classifier.weight"].shape[0] == 3
    assert model_of("aio_tiny").classifier.weight.shape[0] == 10
