"""What a model computes for one feature: its numbers, trained and frozen, and its multiplications."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

TRAINING_ONLY = ("classifier.", "attributes.", "text.")
"""Parts of a model that no feature depends on; ``text`` is DMF's."""


@dataclass(frozen=True)
class Complexity:
    """The cost of a model without the parts that no feature depends on, as torchreid leaves out the classifier.

    Attributes:
        trainable, frozen: parameters, and numbers of the frozen encoder.
        flops: of one forward pass, a multiplication and its addition counted as one, as torchreid does.
    """

    trainable: int
    frozen: int
    flops: int

    @property
    def parameters(self) -> int:
        """All numbers."""
        return self.trainable + self.frozen

    def __str__(self) -> str:
        """``trainable=3,453,504 frozen=85,056,000``."""
        return f"trainable={self.trainable:,} frozen={self.frozen:,}"


def complexity(model: nn.Module, input_size: Sequence[int]) -> Complexity:
    """The complexity of a model for RGB images of ``input_size`` (B, 3, H, W), counted by torch while it computes."""
    trainable = {name: p.numel() for name, p in model.named_parameters() if not name.startswith(TRAINING_ONLY)}
    kept = model.state_dict().keys()  # statistics of normalisation; weights of the encoder are in no checkpoint
    frozen = {name: b.numel() for name, b in model.named_buffers() if name.startswith("encoder.") and name not in kept}
    training = model.training
    images = torch.rand(*input_size).to(next(model.parameters()).device)
    counter = FlopCounterMode(display=False)
    # fused attention and compiled code are not counted
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), torch.compiler.set_stance("force_eager"), counter:
        model.eval()(images)
    model.train(training)
    return Complexity(sum(trainable.values()), sum(frozen.values()), counter.get_total_flops() // 2)
