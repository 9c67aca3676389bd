"""``aio.classifier`` on its way through torchreid: sizes of the sources, state of the optimiser."""

import pytest
import torch

import aio_plugin
from aio_plugin.errors import ConfigError
from aio_plugin.losses.shards import Shard


def _model(torchreid, classes=8):
    return torchreid.models.build_model("aio_tiny", num_classes=classes, pretrained=False, use_gpu=False)


def test_the_sizes_of_the_sources_reach_the_model(torchreid, market):
    aio_plugin.register({"encoder": {"weights": "random"}, "classifier": {"negatives": "own_dataset"}})
    for _ in range(2):  # a second data manager starts anew
        manager = torchreid.data.ImageDataManager(
            root=str(market), sources="market1501", batch_size_train=8, use_gpu=False, workers=0
        )
    assert manager.num_train_pids.sizes == (8,) == (manager.num_train_pids,)
    assert _model(torchreid, manager.num_train_pids).classifier.sizes == (8,)
    with pytest.raises(ConfigError, match="plain number. Pass the data manager's num_train_pids"):
        _model(torchreid, 8)


@pytest.mark.parametrize("optim", ["adamw", "sgd"])
def test_the_optimiser_of_a_rank_takes_a_whole_checkpoint(torchreid, optim, monkeypatch):
    aio_plugin.register({"encoder": {"weights": "random"}, "classifier": {"shard": True}})
    whole, name = _trained(torchreid, optim)
    monkeypatch.setattr(Shard, "here", classmethod(lambda cls, rows: cls(rows, 1, 3)))
    model = _model(torchreid)
    optimizer = torchreid.optim.build_optimizer(model, optim=optim, lr=0.1)
    optimizer.load_state_dict(whole)
    for key, value in optimizer.state[model.classifier.weight].items():
        if isinstance(value, torch.Tensor) and value.ndim:
            assert torch.equal(value, whole["state"][name][key][2:5])


def _trained(torchreid, optim):
    """State of an optimiser after a step of one process, and the classifier's name in it."""
    model = _model(torchreid)
    optimizer = torchreid.optim.build_optimizer(model, optim=optim, lr=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    order = [p for group in optimizer.param_groups for p in group["params"]]
    return optimizer.state_dict(), [p is model.classifier.weight for p in order].index(True)
