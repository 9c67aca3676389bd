"""What the objects of a run carry from one builder of torchreid to the next."""

from __future__ import annotations

from typing import Any

from torch import nn


def is_aio(model: Any) -> bool:
    """Whether ``model``, or what DataParallel wraps in it, is an AIO model."""
    return bool(getattr(unwrap(model), "is_aio", False))


def unwrap(model: Any) -> Any:
    """The model without DataParallel around it."""
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    return model.module if isinstance(model, wrappers) else model
