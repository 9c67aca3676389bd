"""A frozen encoder's matrices in eight bits, by torchao: a quarter of float32's memory, half of bfloat16's.

Products are computed in the type of the tokens: a matrix is dequantised at every use, and again for the gradient, so
that no full-size copy outlives a product.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from ..errors import ConfigError, EncoderError, nearest

KINDS = ("int8", "fp8")
"""Signed integers, or float8 e4m3; each with one scale per row of a matrix."""


def quantise(module: nn.Module, kind: str) -> None:
    """Convert the matrix of every Linear below ``module``, a buffer, to eight bits.

    Raises:
        EncoderError: ``kind`` is unknown.
        ConfigError: torchao is not installed.
    """
    if kind not in KINDS:
        raise EncoderError(f"aio.encoder.quantise is {kind!r}.{nearest(kind, KINDS)}")
    try:
        from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig, PerRow, quantize_
    except ImportError as error:
        raise ConfigError(
            f"aio.encoder.quantise {kind!r} needs torchao ({error}); pip install torchao, or set it to ''."
        ) from error
    config = Int8WeightOnlyConfig(granularity=PerRow()) if kind == "int8" else Float8WeightOnlyConfig()
    for each in module.modules():
        if isinstance(each, nn.Linear):
            linear = nn.Linear(each.in_features, each.out_features, bias=False, device="meta")
            linear.weight = nn.Parameter(each.weight, requires_grad=False)
            quantize_(linear, config)
            each.register_buffer("weight", linear.weight.detach(), persistent=False)


def is_quantised(weight: Tensor) -> bool:
    """Whether :func:`quantise` made it."""
    return is_traceable_wrapper_subclass(weight)


class QuantisedLinear(torch.autograd.Function):
    """x W^T + b for some rows of a quantised matrix W, which is dequantised again for the gradient g W in x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, rows: slice) -> Tensor:
        """Shape: x (T, in), weight (out, in), bias (len(rows),) -> (T, len(rows))."""
        ctx.weight, ctx.rows = weight, rows
        return F.linear(x, weight.dequantize()[rows].to(x.dtype), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """The gradient in x (T, in); weight and bias are frozen."""
        return gradient @ ctx.weight.dequantize()[ctx.rows].to(gradient.dtype), None, None, None
