"""Cosine learning rate with linear warm-up (AIO Sec. 4.1), in closed form."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler

from ..errors import ConfigError

START = 0.01
"""Share of the learning rate that warm-up starts from."""


class WarmupCosine(LRScheduler):
    """Linear from 1 % to 100 % over the warm-up, then half a cosine to 0.

    With e epochs done, W of warm-up and E in all, every group's learning rate is its initial one times

    - ``0.01 + 0.99 e / W`` for e < W,
    - ``(1 + cos(pi (e - W) / (E - W))) / 2`` for W <= e <= E, and 0 from there on.

    Args:
        optimizer: its groups' ``lr``, or ``initial_lr`` where set, is the 100 %.
        max_epoch: E.
        warmup_epochs: W, 0 for none; need not be whole.

    Raises:
        ConfigError: W is negative or not below E.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    >>> schedule = WarmupCosine(optimizer, max_epoch=10, warmup_epochs=2)
    >>> [round(schedule.factor(epoch), 3) for epoch in (0, 1, 2, 6, 10)]
    [0.01, 0.505, 1.0, 0.5, 0.0]
    """

    def __init__(self, optimizer: torch.optim.Optimizer, max_epoch: float, warmup_epochs: float) -> None:
        if not 0 <= warmup_epochs < max_epoch:
            raise ConfigError(
                f"aio.train.warmup_epochs is {warmup_epochs:g} and train.max_epoch {max_epoch:g}; "
                "the warm-up must be at least 0 and shorter than the training."
            )
        self.max_epoch, self.warmup_epochs = float(max_epoch), float(warmup_epochs)
        super().__init__(optimizer)

    def factor(self, epoch: float) -> float:
        """Share of the initial learning rate after ``epoch`` epochs."""
        if epoch < self.warmup_epochs:
            return START + (1 - START) * epoch / self.warmup_epochs
        done = (min(epoch, self.max_epoch) - self.warmup_epochs) / (self.max_epoch - self.warmup_epochs)
        return (1 + math.cos(math.pi * done)) / 2

    def get_lr(self) -> list[float | torch.Tensor]:
        """Learning rate of every group after ``last_epoch`` epochs."""
        factor = self.factor(self.last_epoch)
        return [base * factor for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the learning rates of ``epoch`` epochs done, fractions allowed; without it, of one more than before."""
        self._step_count = getattr(self, "_step_count", 0) + 1
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch  # type: ignore[assignment]
        for group, rate in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = rate
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Epochs done and initial learning rates: numbers only; the length of training stays the config's."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where ``state_dict`` stood."""
        self.base_lrs = list(state_dict["base_lrs"])
        self.step(state_dict["last_epoch"])
