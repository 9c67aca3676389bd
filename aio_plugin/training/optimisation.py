"""Parameter groups: a lower learning rate for the word embedding, no weight decay of one-dimensional weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from ..errors import ConfigError, nearest


def param_groups(
    model: nn.Module,
    lr: float,
    weight_decay: float,
    text_lr_mult: float,
    staged_lr: bool = False,
    new_layers: Sequence[str] = (),
    base_lr_mult: float = 0.1,
) -> list[dict[str, Any]]:
    """Groups for a torch optimiser, the largest learning rate last, as torchreid logs that of the last group.

    Args:
        model: an AIO model; its frozen encoder has no parameters.
        text_lr_mult: factor for the word embedding (AIO Sec. 4.1: 0.1).
        staged_lr, new_layers, base_lr_mult: torchreid's; ``base_lr_mult`` is the factor for all modules but
            ``new_layers`` ("classifier", "tokenizers.ir").

    Raises:
        ConfigError: ``new_layers`` names no module of the model.
    """
    if staged_lr:
        _check_layers(model, new_layers)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    for name, parameter in model.named_parameters():
        rate = base_lr_mult if staged_lr and not any(name.startswith(f"{layer}.") for layer in new_layers) else 1.0
        rate *= text_lr_mult if id(parameter) in embeddings else 1.0
        decay = weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((lr * rate, decay), []).append(parameter)
    return [
        {"params": params, "lr": rate, "initial_lr": rate, "weight_decay": decay}
        for (rate, decay), params in sorted(groups.items(), key=lambda entry: entry[0])
    ]


def _check_layers(model: nn.Module, names: Sequence[str]) -> None:
    known = [name for name, _ in model.named_modules() if name]
    for name in names:
        if name not in known:
            raise ConfigError(f"train.new_layers: the model has no {name!r}.{nearest(name, known)}")
