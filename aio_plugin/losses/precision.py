"""Losses are computed in float32 or better, whatever the type of the features.

exp(cos / 0.05) spans e^40, and a bfloat16 cosine has three digits: a loss in half precision would be
mostly rounding error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import torch
from torch import Tensor

P = ParamSpec("P")


def at_least_float32(tensor: Tensor) -> Tensor:
    """Half-precision tensors as float32; others unchanged."""
    if not tensor.is_floating_point():
        return tensor
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def full_precision(loss: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Run ``loss`` outside autocast, on tensors of at least float32; float64 stays float64."""

    @functools.wraps(loss)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        with torch.autocast(tensors[0].device.type, enabled=False):
            return loss(*map(_promote, args), **{k: _promote(v) for k, v in kwargs.items()})

    return wrapped


def lowest(tensor: Tensor) -> float:
    """The value of a masked score, which has no weight in a softmax with others.

    It is finite, so that a row that is masked completely gives no NaN, neither forward nor backward.
    """
    return torch.finfo(tensor.dtype).min


def mean_where(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of the ``values`` that are ``valid`` (same shape); 0 with a graph if none is."""
    return values.where(valid, 0).sum() / valid.sum().clamp(min=1)


def _promote(value: Any) -> Any:
    return at_least_float32(value) if isinstance(value, Tensor) else value
