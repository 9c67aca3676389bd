"""The retrieval features of batches: the one way in which tests, extraction and search compute them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..encoders.frozen import FrozenEncoder
from ..modality import Batch
from ..training.optimisation import autocast


def feature_function(model: nn.Module, device: torch.device | str, precision: torch.dtype) -> Callable[[Batch], Tensor]:
    """A function from batches to :func:`retrieval_features`; ``model`` is moved to ``device``, in eval mode.

    Its frozen encoder is held in ``precision``, and the lost digits cannot be restored.
    """
    model = model.to(device).eval()
    if isinstance(model.encoder, FrozenEncoder):
        model.encoder.hold(precision)
    return lambda batch: retrieval_features(model, batch.to(device), precision)


@torch.no_grad()
def retrieval_features(model: nn.Module, batch: Batch, precision: torch.dtype) -> Tensor:
    """Features (B, D), float32 and of unit length, on the device of the batch.

    Args:
        model: an AIO or DMF in eval mode, wrapped or not; bottleneck and normalisation are part of it.
        precision: of autocast, see :func:`aio_plugin.training.optimisation.autocast_dtype`.
    """
    with autocast(batch["present"].device.type, precision):
        features: Tensor = model(batch)
    return features.float()
