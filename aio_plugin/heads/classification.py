"""Classification heads: bottleneck and identity classifier (AIO Sec. 3.3, Eq. 4), attribute decoder (Sec. 3.4, Eq. 5).

[1] Luo et al.: Bag of Tricks and a Strong Baseline for Deep Person Re-identification. CVPRW 2019.
    https://arxiv.org/abs/1903.07071
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError, ModalityError, nearest
from ..losses.cross_entropy import compare
from ..losses.shards import Shard

MODES = ("shared", "per_modality")


class Bottleneck(nn.BatchNorm1d):
    """Batch normalisation with a scale and without a shift, between metric losses and classifier [1].

    [1] freezes the shift at 0. Here there is no such parameter, because torchreid makes every parameter
    trainable again in each epoch.

    A single row in train mode has no variance; it is normalised by the running statistics, which it
    does not update, with one warning.

    Attributes:
        single_rows: number of single rows in train mode so far.

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
        self.single_rows += len(input)
        if self.single_rows == len(input) == 1:
            warnings.warn(
                "A bottleneck got a single feature to train on; single features are normalised by the running "
                "statistics. Use larger batches or quotas, or aio.bnneck 'shared'.",
                stacklevel=3,
            )
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, training=False, eps=self.eps)


class BNNeck(nn.Module):
    """One bottleneck for the features of all modalities, or one for each.

    Args:
        dim: D.
        modalities: slots of features: the modalities, then the multimodal one.
        mode: "shared" or "per_modality".

    Attributes:
        synced: call a bottleneck on every rank as soon as one of them has rows for it; set by
            :func:`aio_plugin.training.batch_norm.synchronise`.

    Shape:
        features (N, D), index (N,) int64 the slot of each row -> (N, D).

    Raises:
        ModalityError: the mode is unknown, or a row's slot is not one of the bottlenecks.
    """

    def __init__(self, dim: int, modalities: int, mode: str = "shared") -> None:
        super().__init__()
        if mode not in MODES:
            raise ModalityError(f"BNNeck mode is {mode!r}.{nearest(mode, MODES)}")
        self.shared, self.synced = mode == "shared", False
        self.necks = nn.ModuleList(Bottleneck(dim) for _ in range(1 if self.shared else modalities))

    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        """Normalise every row among those of its slot, or among all."""
        if self.shared:
            return self.necks[0](features)  # type: ignore[no-any-return]
        slots = torch.unique(index).tolist()
        if any(not 0 <= slot < len(self.necks) for slot in slots):
            raise ModalityError(
                f"Features have slots {slots}, but the BNNeck has 0 to {len(self.necks) - 1}; "
                "give it as many modalities as the model has features."
            )
        if self.synced and self.training:
            used = torch.zeros(len(self.necks), device=index.device)
            used[index] = 1
            slots = Shard.here(0).highest(used).nonzero().flatten().tolist()
        out = torch.zeros_like(features)
        for slot in slots:
            rows = (index == slot).nonzero().flatten()
            out = out.index_copy(0, rows, self.necks[slot](features[rows]))
        return out


class Classifier(nn.Linear):
    """Identity logits: a linear map without bias, started at a standard deviation of 0.001 [1].

    :meth:`arrange` makes it compare features with a sample of the classes or with those of their own dataset, or
    distributes its rows over the ranks. A state dict always holds all rows, so that it fits any number of ranks;
    making one is then a collective operation.

    Attributes:
        classes: C, those of all ranks.
        shard: which of them this rank holds.

    Shape:
        (N, D) -> (N, C).
    """

    starts: Tensor | None

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__(dim, classes, bias=False)
        self.classes, self.shard, self.fraction = classes, Shard(classes), 1.0
        self.sizes: tuple[int, ...] | None = None
        self.register_buffer("starts", None, persistent=False)

    def reset_parameters(self) -> None:
        """Normal weights of standard deviation 0.001."""
        nn.init.normal_(self.weight, std=0.001)

    def arrange(self, fraction: float = 1.0, sizes: Sequence[int] | None = None, shared: bool = False) -> None:
        """Choose what features are compared with; call it once, before the optimiser is built.

        Args:
            fraction: share of the classes, in (0, 1], that a step compares with.
            sizes: number of classes of every dataset, in the order of their labels, to compare a feature
                with those of its own dataset only; None = with all.
            shared: keep only this rank's share of the rows, if torch.distributed is initialised.
                DistributedDataParallel must then ignore the weight.
        """
        self.fraction = fraction
        if sizes is not None:
            self.sizes = tuple(sizes)
            self.starts = torch.tensor([0, *self.sizes]).cumsum(0)[:-1]
        if shared:
            self.shard = Shard.here(self.classes)
        if self.shard.world > 1:
            self.weight = nn.Parameter(self.shard.cut(self.weight.detach()))
            self.out_features = len(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """All logits.

        Raises:
            ConfigError: this rank holds only a part of them.
        """
        if self.shard.world > 1:
            raise ConfigError("torchreid's own engines need all logits on one rank; set aio.classifier.shard to False.")
        return super().forward(input)

    def outputs(self, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """What the identity loss needs.

        Returns:
            ``logits`` (R, C); or, if :meth:`arrange` changed anything, the fields of
            :class:`~aio_plugin.losses.cross_entropy.Compared`, (R,) or (R of all ranks,).

        Raises:
            ConfigError: the classes of the datasets do not add up to those of the model.
            HostError: a label is not one of the classes.

        Shape:
            features (R, D), labels (R,).
        """
        if self.fraction == 1 and self.sizes is None and self.shard.world == 1:
            return {"logits": self(features)}
        if self.sizes is not None and sum(self.sizes) != self.classes:
            raise ConfigError(
                f"aio.classifier.negatives 'own_dataset': the model has {self.classes} classes, but the training "
                f"sources loaded last have {sum(self.sizes)}; build the model after its data manager, or set it to "
                "'all'."
            )
        return compare(features, self.weight, labels, self.shard, self.fraction, self.starts)._asdict()

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.shard.world > 1:
            destination[f"{prefix}weight"] = self.shard.joined(destination[f"{prefix}weight"])

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        whole = state_dict.get(f"{prefix}weight")
        if self.shard.world > 1 and whole is not None and len(whole) == self.classes:
            state_dict = {**state_dict, f"{prefix}weight": self.shard.cut(whole)}
        super()._load_from_state_dict(state_dict, prefix, *rest)


class AttributeDecoder(nn.Sequential):
    """Logits of the attribute word of every masked token, from [z^R ; z^m] (AIO Eq. 5).

    The paper says "MLPs and a classifier"; here ``hidden`` layers of width D with GELU, and a linear map.

    Args:
        dim: D.
        classes: words in the lexicon, N_A.
        hidden: hidden layers.

    Attributes:
        passed: share of the gradient that is passed on to what it reads, in [0, 1].

    Shape:
        (K, 2 D), RGB feature first -> (K, N_A).
    """

    passed = 1.0

    def __init__(self, dim: int, classes: int, hidden: int = 2) -> None:
        widths = [2 * dim] + [dim] * hidden
        layers = [layer for width in widths[:-1] for layer in (nn.Linear(width, dim), nn.GELU())]
        super().__init__(*layers, nn.Linear(widths[-1], classes))

    def warm_up(self, epoch: float, epochs: float) -> None:
        """Set ``passed`` to what ``epoch`` epochs are of the ``epochs`` of ``aio.attributes.warmup_epochs``."""
        self.passed = min(epoch / epochs, 1.0) if epochs else 1.0

    def forward(self, input: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = super().forward(input if self.passed == 1 else input.detach().lerp(input, self.passed))
        return logits
