"""Which number format a run computes in (``aio.train.precision``)."""

from __future__ import annotations

import torch

from ..errors import ConfigError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def resolve(name: str, cuda: bool) -> torch.dtype:
    """The dtype of autocast; float32 means none. ``auto`` is bf16 on CUDA and fp32 elsewhere.

    Raises:
        ConfigError: fp16 without CUDA.
    """
    if name == "auto":
        name = "bf16" if cuda else "fp32"
    if name == "fp16" and not cuda:
        raise ConfigError("aio.train.precision fp16 needs CUDA; use bf16 or fp32.")
    return PRECISIONS[name]


def autocast(device_type: str, dtype: torch.dtype) -> torch.autocast:
    """Computes in ``dtype``, as :func:`resolve` gives it; float32 is no autocast."""
    return torch.autocast(device_type, dtype, enabled=dtype is not torch.float32)
