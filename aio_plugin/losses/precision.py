"""Losses are computed in float32 or better, whatever the type of the features.

exp(cos / 0.05) spans e^40, and a bfloat16 cosine has three digits: a loss in half precision would be
mostly rounding error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
T = TypeVar("T")


def at_least_float32(value: T) -> T:
    """Half-precision tensors as float32; anything else unchanged."""
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return value
    return value.to(torch.promote_types(value.dtype, torch.float32))  # type: ignore[return-value]


def full_precision(loss: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Run ``loss`` outside autocast, on tensors of at least float32; float64 stays float64."""

    @functools.wraps(loss)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        with torch.autocast(tensors[0].device.type, enabled=False):
            positional: Any = map(at_least_float32, args)  # mypy cannot map over a ParamSpec
            named: Any = {key: at_least_float32(value) for key, value in kwargs.items()}
            return loss(*positional, **named)

    return wrapped


def lowest(tensor: Tensor) -> float:
    """The value of a masked score, which has no weight in a softmax with others.

    It is finite, so that a row that is masked completely gives no NaN, neither forward nor backward.
    """
    return torch.finfo(tensor.dtype).min


def mean_where(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of the ``values`` that are ``valid`` (same shape); 0 with a graph if none is."""
    return values.where(valid, 0).sum() / valid.sum().clamp(min=1)
