"""The ways to train and to infer that are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from aio_plugin.losses.criterion import LossWeights, total_loss
from aio_plugin.modality import Batch
from aio_plugin.models.aio import AIO
from aio_plugin.training.optimisation import PRECISIONS, autocast

from .plain import Plain
from .problem import Size, make_model

OURS, PLAIN, TRAINED = "ours", "plain", "trained"
COMPILED, CHECKPOINTED = "ours_compiled", "ours_checkpointed"
WAYS = (OURS, COMPILED, CHECKPOINTED, PLAIN, TRAINED)


def make(way: str, size: Size, image: tuple[int, int] | None = None) -> nn.Module:
    """The model of ``way``, in train mode; all ways have the same weights."""
    model = make_model(size, image)
    if way in (PLAIN, TRAINED):
        return Plain(model, trained=way == TRAINED).to(size.device)
    model.encoder.hold(PRECISIONS[size.precision])
    model.compute(way == COMPILED, way == CHECKPOINTED)
    return model


@dataclass
class Trainer:
    """A way and its optimiser."""

    model: nn.Module
    size: Size

    def __post_init__(self) -> None:
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=1e-4)

    def step(self, batch: Batch, seed: int) -> float:
        """One optimisation step; returns the loss. ``seed`` says which modalities are joined."""
        torch.manual_seed(seed)
        with autocast(self.size.device, PRECISIONS[self.size.precision]):
            outputs = self.model(batch)
        loss, summary = total_loss(outputs, LossWeights({"ce": 1.0, "fb": 1.0, "va": 0.3}))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return summary["loss"]


def retrieval(model: AIO | Plain, size: Size) -> Callable[[Batch], Any]:
    """Features of queries, as in a test."""
    model.eval()

    @torch.no_grad()
    def features(batch: Batch) -> Any:
        with autocast(size.device, PRECISIONS[size.precision]):
            return model(batch)

    return features
