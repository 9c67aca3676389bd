"""Identity head: bottleneck and classifier (AIO Sec. 3.3, Eq. 4).

[1] Luo et al.: Bag of Tricks and a Strong Baseline for Deep Person Re-identification. CVPRW 2019.
    https://arxiv.org/abs/1903.07071
"""

from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModalityError, nearest

MODES = ("shared", "per_modality")


class Bottleneck(nn.BatchNorm1d):
    """Batch normalisation with a scale and without a shift, between metric losses and classifier [1].

    [1] freezes the shift at 0. Here there is none to freeze, for torchreid makes every parameter
    trainable anew each epoch.

    A single row in train mode has no variance; it is normalised by the running statistics, which it
    leaves as they are, and the first time there is a warning.

    Attributes:
        single_rows: how often a single row came in train mode.

    Shape:
        (N, D) -> (N, D), N may be 0.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.register_parameter("bias", None)
        self.single_rows = 0

    def reset_parameters(self) -> None:
        """Scale 1 and fresh statistics."""
        self.reset_running_stats()
        nn.init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each of the D features."""
        if not self.training or len(input) > 1:
            return super().forward(input)
        if len(input) == 1:
            self._count_single_row()
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, training=False, eps=self.eps)

    def _count_single_row(self) -> None:
        self.single_rows += 1
        if self.single_rows == 1:
            warnings.warn(
                "A bottleneck got a single feature to train on; it is normalised by the running statistics, this time "
                "and every time to come. Use larger batches or quotas, or aio.bnneck 'shared'.",
                stacklevel=4,
            )


class BNNeck(nn.Module):
    """One bottleneck for the features of all modalities, or one for each.

    Args:
        dim: D.
        modalities: slots of features: the modalities, and the multimodal one behind them.
        mode: "shared" or "per_modality".

    Shape:
        features (N, D), index (N,) int64 the slot of each row -> (N, D).

    Raises:
        ModalityError: the mode is unknown, or a row's slot is not one of the bottlenecks.
    """

    def __init__(self, dim: int, modalities: int, mode: str = "shared") -> None:
        super().__init__()
        if mode not in MODES:
            raise ModalityError(f"BNNeck mode is {mode!r}.{nearest(mode, MODES)}")
        self.shared = mode == "shared"
        self.necks = nn.ModuleList(Bottleneck(dim) for _ in range(1 if self.shared else modalities))

    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        """Normalise every row among those of its slot, or among all."""
        if self.shared:
            return self.necks[0](features)  # type: ignore[no-any-return]
        slots = torch.unique(index).tolist()
        if any(not 0 <= slot < len(self.necks) for slot in slots):
            raise ModalityError(
                f"Features are of slots {slots}, but the BNNeck was made for 0 to {len(self.necks) - 1}; "
                "give it as many modalities as the model has features."
            )
        out = torch.zeros_like(features)
        for slot in slots:
            rows = (index == slot).nonzero().flatten()
            out = out.index_copy(0, rows, self.necks[slot](features[rows]))
        return out


class Classifier(nn.Linear):
    """Identity logits: a linear map without bias, started at a standard deviation of 0.001 [1].

    Shape:
        (N, D) -> (N, C).
    """

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__(dim, classes, bias=False)

    def reset_parameters(self) -> None:
        """Normal weights of standard deviation 0.001."""
        nn.init.normal_(self.weight, std=0.001)
