import pytest
import torch
from torch import nn

import aio_plugin


class _Stock(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.classifier = nn.Linear(3, 4), nn.Linear(4, 2)


class _AIO(_Stock):
    is_aio = True

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(5, 3)


def groups_of(optimizer):
    return {id(p): group for group in optimizer.param_groups for p in group["params"]}


@pytest.mark.parametrize("optim", ["adam", "amsgrad", "sgd", "rmsprop", "radam"])
@pytest.mark.parametrize("staged_lr", [False, True])
def test_stock_optimisers_are_untouched(torchreid, optim, staged_lr):
    model = _Stock()
    options = {"optim": optim, "lr": 0.1, "staged_lr": staged_lr, "new_layers": "classifier"}
    before = torchreid.optim.build_optimizer(model, **options)
    aio_plugin.register()
    after = torchreid.optim.build_optimizer(model, **options)
    assert type(before) is type(after)
    assert str(before) == str(after)
    for one, two in zip(before.param_groups, after.param_groups, strict=True):
        assert all(p is q for p, q in zip(one["params"], two["params"], strict=True))


def test_adamw_groups_a_stock_model_as_torchreid_does(registered):
    model = _Stock()
    optimizer = registered.optim.build_optimizer(
        model, optim="adamw", lr=0.1, weight_decay=0.2, adam_beta1=0.8, staged_lr=True, new_layers="classifier"
    )
    assert type(optimizer) is torch.optim.AdamW
    assert [group["lr"] for group in optimizer.param_groups] == [pytest.approx(0.01), 0.1]
    assert optimizer.param_groups[0]["params"] == list(model.trunk.parameters())
    assert optimizer.param_groups[1]["weight_decay"] == 0.2
    assert optimizer.param_groups[1]["betas"] == (0.8, 0.99)
    # decoupled: with no gradient the weights shrink by lr * decay; Adam with L2 would move them by lr
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    weight = model.classifier.weight.detach().clone()
    optimizer.step()
    torch.testing.assert_close(model.classifier.weight, weight * (1 - 0.1 * 0.2))


@pytest.mark.parametrize("optim", ["adam", "amsgrad", "sgd", "rmsprop", "radam", "adamw"])
@pytest.mark.parametrize("wrap", [False, True])
def test_an_aio_model_brings_its_own_groups(registered, optim, wrap):
    model = _AIO()
    wrapped = nn.DataParallel(model) if wrap else model
    of = groups_of(registered.optim.build_optimizer(wrapped, optim=optim, lr=0.1, weight_decay=0.2))
    assert len(of) == len(list(model.parameters()))
    assert of[id(model.words.weight)]["lr"] == pytest.approx(0.01)
    assert of[id(model.trunk.weight)]["lr"] == 0.1
    assert of[id(model.trunk.weight)]["weight_decay"] == 0.2
    assert of[id(model.trunk.bias)]["weight_decay"] == 0.0


def test_an_aio_model_keeps_staged_learning_rates(registered):
    model = _AIO()
    options = {"optim": "adamw", "lr": 0.1, "staged_lr": True, "new_layers": ["classifier"], "base_lr_mult": 0.5}
    of = groups_of(registered.optim.build_optimizer(model, **options))
    rates = [of[id(part.weight)]["lr"] for part in (model.classifier, model.trunk, model.words)]
    assert rates == pytest.approx([0.1, 0.05, 0.005])


def test_unknown_names_are_told_the_new_ones(registered):
    for model in (_Stock(), _AIO()):
        with pytest.raises(ValueError, match="adamw"):
            registered.optim.build_optimizer(model, optim="adamx")
    optimizer = registered.optim.build_optimizer(_Stock())
    with pytest.raises(ValueError, match="cosine_warmup"):
        registered.optim.build_lr_scheduler(optimizer, lr_scheduler="cosine_warm")


def test_stock_schedulers_are_untouched(torchreid):
    optimizer = torchreid.optim.build_optimizer(_Stock())

    def schedulers():
        names, options = ("single_step", "multi_step", "cosine"), {"stepsize": [2, 4], "max_epoch": 6}
        return [type(torchreid.optim.build_lr_scheduler(optimizer, name, **options)) for name in names]

    before = schedulers()
    aio_plugin.register()
    assert schedulers() == before


def test_warm_up_comes_from_the_latest_config(torchreid):
    aio_plugin.register({"train": {"warmup_epochs": 2}})
    optimizer = torchreid.optim.build_optimizer(_Stock(), lr=0.1)
    scheduler = torchreid.optim.build_lr_scheduler(optimizer, lr_scheduler="cosine_warmup", max_epoch=10)
    assert (scheduler.warmup_epochs, scheduler.max_epoch) == (2.0, 10.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.001)
