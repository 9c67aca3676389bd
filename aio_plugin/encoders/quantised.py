"""A frozen encoder's matrices in eight bits, by torchao: a quarter of float32's memory, half of bfloat16's.

Products are computed in the type of the tokens: a matrix is dequantised at every use, and again for the gradient, so
that no full-size copy outlives a product.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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


class QuantisedAffine(NamedTuple):
    """A linear map by rows of a quantised matrix, and the scale after it, if there is one. (T, in) -> (T, out)."""

    weight: Tensor
    bias: Tensor | None
    scale: Tensor | None = None
    rows: slice = slice(None)

    def __call__(self, x: Tensor) -> Tensor:
        """Map every row of ``x``, in its type."""
        out: Tensor = _Map.apply(x, self.weight, self.bias, self.rows)
        return out if self.scale is None else out * self.scale

    def split(self, first: int) -> tuple[QuantisedAffine, QuantisedAffine]:
        """The maps to the first outputs and to the others."""
        parts = (slice(None, first), slice(first, None))
        biases = [None if self.bias is None else self.bias[rows] for rows in parts]
        one, other = (QuantisedAffine(self.weight, b, rows=r) for r, b in zip(parts, biases, strict=True))
        return one, other


class _Map(torch.autograd.Function):
    """x W^T + b; W is dequantised again for the gradient g W in x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, rows: slice) -> Tensor:
        ctx.weight, ctx.rows = weight, rows
        return F.linear(x, _dense(weight, rows, x.dtype), None if bias is None else bias.to(x.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return gradient @ _dense(ctx.weight, ctx.rows, gradient.dtype), None, None, None


def _dense(weight: Any, rows: slice, dtype: torch.dtype) -> Tensor:
    dense: Tensor = weight.dequantize()[rows].to(dtype)
    return dense
