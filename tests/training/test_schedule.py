import io
import math

import pytest
import torch
from torch import nn

from aio_plugin.errors import ConfigError
from aio_plugin.training.optimisation import WarmupCosine


def _rate(epoch, total, warm):
    if epoch < warm:
        return 0.01 + 0.99 * epoch / warm
    return 0.5 + 0.5 * math.cos(math.pi * (epoch - warm) / (total - warm)) if epoch < total else 0.0


@pytest.mark.parametrize(("total", "warm"), [(10, 0), (10, 3), (7, 1.5)])
def test_schedule_follows_the_formula(total, warm):
    one, two = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([{"params": [one], "lr": 0.5}, {"params": [two], "lr": 2.0}])
    scheduler = WarmupCosine(optimizer, total, warm)
    for tenth in range(10 * int(total) + 5):
        scheduler.step(tenth / 10)
        factor = _rate(tenth / 10, total, warm)
        assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.5 * factor, 2.0 * factor], abs=1e-12)
        assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]


def test_whole_steps_count_epochs():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = WarmupCosine(optimizer, 6, 2)
    for epoch in range(7):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(_rate(epoch, 6, 2), abs=1e-12)
        scheduler.step()


def test_state_is_small_loads_safely_and_continues_exactly():
    def build():
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
        return optimizer, WarmupCosine(optimizer, 6, 2)

    optimizer, scheduler = build()
    scheduler.step(2.37)
    file = io.BytesIO()
    torch.save(scheduler.state_dict(), file)
    file.seek(0)
    again, resumed = build()
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert len(scheduler.state_dict()) == 2
    assert again.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]
    scheduler.step(3.1)
    resumed.step(3.1)
    assert again.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("warm", [-1, 6, 7])
def test_a_warm_up_that_does_not_fit_is_refused(warm):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    with pytest.raises(ConfigError, match="warmup_epochs"):
        WarmupCosine(optimizer, 6, warm)
