"""``aio.classifier`` on its way through torchreid: sizes of the sources, state of the optimiser."""

import pytest
import torch

import aio_plugin
from aio_plugin.errors import ConfigError
from aio_plugin.losses.shards import Shard

from .helpers import build_model, data_manager


def test_the_sizes_of_the_sources_reach_the_model(torchreid, market):
    aio_plugin.register({"encoder": {"weights": "random"}, "classifier": {"negatives": "own_dataset"}})
    for _ in range(2):  # a second data manager starts anew
        manager = data_manager(torchreid, market)
    assert manager.num_train_pids.sizes == (8,) == (manager.num_train_pids,)
    assert build_model(torchreid, classes=manager.num_train_pids).classifier.sizes == (8,)
    with pytest.raises(ConfigError, match="plain number. Pass the data manager's num_train_pids"):
        build_model(torchreid, classes=8)


@pytest.mark.parametrize("optim", ["adamw", "sgd"])
def test_the_optimiser_of_a_rank_takes_a_whole_checkpoint(torchreid, optim, monkeypatch):
    aio_plugin.register({"encoder": {"weights": "random"}, "classifier": {"shard": True}})
    model = build_model(torchreid, classes=8)
    optimizer = torchreid.optim.build_optimizer(model, optim=optim, lr=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    whole = optimizer.state_dict()
    order = [p for group in optimizer.param_groups for p in group["params"]]
    number = [p is model.classifier.weight for p in order].index(True)
    monkeypatch.setattr(Shard, "here", classmethod(lambda cls, rows: cls(rows, 1, 3)))
    model = build_model(torchreid, classes=8)
    optimizer = torchreid.optim.build_optimizer(model, optim=optim, lr=0.1)
    optimizer.load_state_dict(whole)
    for key, value in optimizer.state[model.classifier.weight].items():
        if isinstance(value, torch.Tensor) and value.ndim:
            assert torch.equal(value, whole["state"][number][key][2:5])
