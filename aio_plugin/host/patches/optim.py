"""``adamw`` and ``cosine_warmup`` in torchreid's builders, and AIO's parameter groups."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch import nn

from ...errors import ValueConfigError
from ...heads.classification import Classifier
from ...losses.shards import keep_state_whole
from ...training.optimisation import WarmupCosine, param_groups
from ..run_config import config_of, is_aio, unwrap
from .base import Patches, bind_arguments

ADAMW, COSINE_WARMUP = "adamw", "cosine_warmup"


def patch_optim(torchreid: ModuleType, patches: Patches) -> None:
    """Wrap ``build_optimizer`` and ``build_lr_scheduler`` and add the new names to torchreid's lists."""
    optim = torchreid.optim
    for module, name, wrap, names, new in (
        (optim.optimizer, "build_optimizer", _optimizer_builder, "AVAI_OPTIMS", ADAMW),
        (optim.lr_scheduler, "build_lr_scheduler", _scheduler_builder, "AVAI_SCH", COSINE_WARMUP),
    ):
        patches.set_attribute(module, names, [*getattr(module, names), new])
        patches.replace_function(getattr(module, name), wrap)


class _Groups(nn.Module):
    """Passes parameter groups to torchreid's builder, which takes the parameters of a module."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__()
        self.groups = groups

    def parameters(self, recurse: bool = True) -> Any:
        """The groups."""
        return self.groups


def _optimizer_builder(stock: Any) -> Any:
    def build_optimizer(*args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        arguments = bind_arguments(stock, args, kwargs)
        aio = is_aio(arguments["model"])
        if not aio and arguments["optim"] != ADAMW:
            return stock(*args, **kwargs)  # type: ignore[no-any-return]
        model = unwrap(arguments["model"])
        if aio:
            arguments["model"], arguments["staged_lr"] = _Groups(_aio_groups(arguments)), False
        try:
            if arguments["optim"] == ADAMW:
                optimizer = _adamw(stock(**{**arguments, "optim": "adam"}), arguments)
            else:
                optimizer = stock(**arguments)
        except ValueError as error:
            raise ValueConfigError(f"train.optim {arguments['optim']!r} refuses a setting: {error}") from error
        optimizer.run_config = config_of(model)  # type: ignore[attr-defined]  # for the scheduler builder
        for module in model.modules():
            if isinstance(module, Classifier):
                keep_state_whole(optimizer, module.weight, module.shard)
        return optimizer

    return build_optimizer


def _aio_groups(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    new_layers, options = arguments["new_layers"], config_of(arguments["model"]).options()
    return param_groups(
        unwrap(arguments["model"]),
        arguments["lr"],
        arguments["weight_decay"],
        options.text.lr_mult,
        arguments["staged_lr"],
        [new_layers] if isinstance(new_layers, str) else list(new_layers or ()),
        arguments["base_lr_mult"],
        options.attributes.lr_mult,
    )


def _adamw(adam: torch.optim.Optimizer, arguments: dict[str, Any]) -> torch.optim.AdamW:
    """AdamW over the groups that torchreid made for Adam."""
    kept = ("params", "lr", "initial_lr", "weight_decay", "betas")
    groups = [{key: group[key] for key in kept if key in group} for group in adam.param_groups]
    return torch.optim.AdamW(groups, lr=arguments["lr"], weight_decay=arguments["weight_decay"])


def _scheduler_builder(stock: Any) -> Any:
    def build_lr_scheduler(*args: Any, **kwargs: Any) -> Any:
        arguments = bind_arguments(stock, args, kwargs)
        if arguments["lr_scheduler"] != COSINE_WARMUP:
            return stock(*args, **kwargs)
        optimizer, epochs = arguments["optimizer"], arguments["max_epoch"]
        config = config_of(optimizer)
        warmup = config.options().train.warmup_epochs
        if config.setting("test.evaluate", False):  # no schedule is followed, whether or not the numbers fit
            epochs = max(epochs, warmup + 1)
        return WarmupCosine(optimizer, epochs, warmup)

    return build_lr_scheduler
