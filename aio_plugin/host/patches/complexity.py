"""The complexity of AIO models, whose frozen encoder and packed calls torchreid's counter does not see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from torch import nn

from ...models.complexity import complexity
from ..run_config import is_aio, unwrap
from .base import Patches


def patch_complexity(torchreid: ModuleType, patches: Patches) -> None:
    """Let ``compute_model_complexity`` count AIO models by torch's own counter."""
    patches.replace_function(torchreid.utils.compute_model_complexity, _counter)


def _counter(stock: Callable[..., tuple[int, int]]) -> Callable[..., tuple[int, int]]:
    def compute_model_complexity(
        model: nn.Module, input_size: Sequence[int], *args: Any, **kwargs: Any
    ) -> tuple[int, int]:
        if not is_aio(model):
            return stock(model, input_size, *args, **kwargs)
        counted = complexity(unwrap(model), input_size)
        print(f"Numbers that features depend on: {counted}")
        return counted.parameters, counted.flops

    return compute_model_complexity
