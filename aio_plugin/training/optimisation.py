"""Parameter groups, the learning-rate schedule and the number format of training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from ..errors import ConfigError, nearest

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""``aio.train.precision`` -> dtype of autocast; float32 means none."""

WARMUP_START = 0.01
"""Share of the learning rate that warm-up starts from."""


def param_groups(
    model: nn.Module,
    lr: float,
    weight_decay: float,
    text_lr_mult: float,
    staged_lr: bool = False,
    new_layers: Sequence[str] = (),
    base_lr_mult: float = 0.1,
    decoder_lr_mult: float = 1.0,
) -> list[dict[str, Any]]:
    """Groups for a torch optimiser, the largest learning rate last, as torchreid logs that of the last group.

    The word embedding has a lower one. Weight decay is for matrices and kernels: norms, biases, class tokens,
    positions and the masked word's vector have none, as in timm's ViTs.

    Args:
        model: an AIO model; its frozen encoder has no parameters.
        text_lr_mult: factor for the word embedding (AIO Sec. 4.1: 0.1).
        staged_lr, new_layers, base_lr_mult: torchreid's; ``base_lr_mult`` is the factor for all modules but
            ``new_layers`` ("classifier", "tokenizers.ir") and parameters of these names ("class_tokens.multimodal").
        decoder_lr_mult: factor for the attribute decoder, in the place of ``base_lr_mult``.

    Raises:
        ConfigError: ``new_layers`` names neither a module nor a parameter of the model.
    """
    if staged_lr:
        parameters = dict(model.named_parameters())
        _modules(model, "train.new_layers", [layer for layer in new_layers if layer not in parameters])
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    for name, parameter in model.named_parameters():
        is_new = any(f"{name}.".startswith(f"{layer}.") for layer in new_layers)
        rate = base_lr_mult if staged_lr and not is_new else 1.0
        rate *= text_lr_mult if id(parameter) in embeddings else 1.0
        rate = decoder_lr_mult if name.startswith("attributes.") else rate
        decay = weight_decay if parameter.ndim > 1 and name.endswith("weight") else 0.0
        groups.setdefault((lr * rate, decay), []).append(parameter)
    return [
        {"params": params, "lr": rate, "initial_lr": rate, "weight_decay": decay}
        for (rate, decay), params in sorted(groups.items(), key=lambda entry: entry[0])
    ]


def open_only(model: nn.Module, layers: Sequence[str]) -> None:
    """Train the modules ``layers`` ("classifier", "tokenizers.ir") and freeze the others.

    Raises:
        ConfigError: the model has no such module, or one without anything to train.
    """
    opened = _modules(model, "train.open_layers", layers)
    model.requires_grad_(False)
    for child in model.children():  # the model itself stays in training mode
        child.eval()
    for name, module in opened.items():
        if not any(True for _ in module.parameters()):
            raise ConfigError(f"train.open_layers: {name!r} has nothing to train; name other layers.")
        module.train().requires_grad_()


def _modules(model: nn.Module, key: str, names: Sequence[str]) -> dict[str, nn.Module]:
    """The modules of dotted names; raises ConfigError for an unknown name, with the nearest."""
    known = {name: module for name, module in model.named_modules() if name}
    for name in names:
        if name not in known:
            short = [each for each in known if each.count(".") <= name.count(".")]
            raise ConfigError(f"{key}: the model has no {name!r}.{nearest(name, short)}")
    return {name: known[name] for name in names}


class WarmupCosine(LRScheduler):
    """Cosine learning rate with linear warm-up, in closed form (AIO Sec. 4.1).

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
            return WARMUP_START + (1 - WARMUP_START) * epoch / self.warmup_epochs
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


def autocast_dtype(name: str, cuda: bool) -> torch.dtype:
    """The dtype of autocast for ``fp32``, ``bf16``, ``fp16`` or ``auto``, which is bf16 on CUDA and fp32 elsewhere.

    Raises:
        ConfigError: fp16 without CUDA.
    """
    if name == "auto":
        name = "bf16" if cuda else "fp32"
    if name == "fp16" and not cuda:
        raise ConfigError("aio.train.precision fp16 needs CUDA; use bf16 or fp32.")
    return PRECISIONS[name]


def autocast(device_type: str, dtype: torch.dtype) -> torch.autocast:
    """Autocast to ``dtype``; disabled for float32."""
    return torch.autocast(device_type, dtype, enabled=dtype is not torch.float32)
