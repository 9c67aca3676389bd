"""The number format that a run computes in (``aio.train.precision``)."""

from __future__ import annotations

import torch

from ..errors import ConfigError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


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
