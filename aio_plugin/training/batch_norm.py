"""Batch normalisation over the ranks of torch.distributed (``aio.train.batch_norm``).

torch's own SyncBatchNorm needs a GPU and rows on every rank; with a bottleneck for each modality, some ranks have no
rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..heads.classification import BNNeck
from ..losses.precision import at_least_float32
from ..losses.shards import Shard


class SyncedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Normalises by the rows of all ranks.

    If all ranks have one row together, it is normalised by the running statistics, as in
    :class:`aio_plugin.heads.classification.Bottleneck`. In train mode forward and backward are collective.

    Shape:
        (n, C, ...) -> the same; n may be 0 and differ between ranks.
    """

    @classmethod
    def of(cls, norm: nn.modules.batchnorm._BatchNorm) -> SyncedBatchNorm:
        """``norm`` over all ranks, with the same parameter and buffer objects."""
        self = cls(norm.num_features, norm.eps, norm.momentum, affine=False, track_running_stats=True)
        self._parameters.update(norm._parameters)
        self._buffers.update(norm._buffers)
        self.affine = norm.affine
        return self.train(norm.training)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each of the C channels."""
        if not self.training:
            return self._by_running_statistics(input)
        with torch.autocast(input.device.type, enabled=False):
            rows = at_least_float32(input)
            count, mean, var = _statistics(rows.detach())
            if count <= 1:
                return self._by_running_statistics(input)
            self._track(count, mean, var)
            normal = _Normalise.apply(rows, mean, (var + self.eps).rsqrt(), count)
            if self.weight is not None:
                normal = normal * self.weight.view(_channels(input))
            if self.bias is not None:
                normal = normal + self.bias.view(_channels(input))
        return normal.to(input.dtype)  # type: ignore[no-any-return]

    def _by_running_statistics(self, input: Tensor) -> Tensor:
        return F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )

    @torch.no_grad()
    def _track(self, count: int, mean: Tensor, var: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        step = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean), step)
        self.running_var.lerp_((var * count / (count - 1)).to(self.running_var), step)

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept any number of dimensions."""


def synchronise(model: nn.Module) -> None:
    """Replace every BatchNorm of ``model`` by one over the rows of all ranks."""
    for module in list(model.modules()):
        if isinstance(module, BNNeck):
            module.synced = True
        for name, child in list(module.named_children()):
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                setattr(module, name, SyncedBatchNorm.of(child))


@torch.no_grad()
def average_statistics(model: nn.Module) -> None:
    """Set the running statistics of every BatchNorm to their mean over the ranks; collective."""
    shard = Shard.here(0)
    statistics = [t for norm in _norms(model) for t in (norm.running_mean, norm.running_var) if t is not None]
    if shard.world > 1 and statistics:
        means = shard.summed(torch.cat(statistics)) / shard.world
        for tensor, mean in zip(statistics, means.split(list(map(len, statistics))), strict=True):
            tensor.copy_(mean)


@contextmanager
def kept_statistics(model: nn.Module) -> Iterator[None]:
    """Restore the running statistics after the block."""
    kept = [(buffer, buffer.clone()) for norm in _norms(model) for buffer in norm.buffers(recurse=False)]
    try:
        yield
    finally:
        for buffer, before in kept:
            buffer.copy_(before)


def _norms(model: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    return [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


def _channels(input: Tensor) -> tuple[int, ...]:
    return (1, -1, *[1] * (input.dim() - 2))


def _dims(input: Tensor) -> list[int]:
    return [dim for dim in range(input.dim()) if dim != 1]


def _statistics(rows: Tensor) -> tuple[int, Tensor, Tensor]:
    """Number of values of a channel, their mean (C,) and variance (C,), over all ranks.

    Means and squared deviations of the ranks are combined (Chan et al. 1979), as sums of squares would lose digits.
    """
    shard, dims = Shard.here(0), _dims(rows)
    number = rows.numel() // rows.shape[1]
    mean = rows.mean(dims) if number else rows.new_zeros(rows.shape[1])
    squares = (rows - mean.view(_channels(rows))).square().sum(dims)
    packed = torch.stack([torch.full_like(mean, number), mean, squares])[None]
    if shard.world > 1:
        packed = shard.gathered(packed, [1] * shard.world)
    numbers, means, deviations = packed.unbind(1)
    count = numbers.sum(0).clamp(min=1)
    whole = (numbers * means).sum(0) / count
    squared = deviations.sum(0) + (numbers * (means - whole).square()).sum(0)
    return int(numbers[:, 0].sum()), whole, squared / count


class _Normalise(torch.autograd.Function):
    """(x - mean) / sigma, where mean and sigma depend on the x of all ranks."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, mean: Tensor, scale: Tensor, count: int) -> Tensor:
        normal = (rows - mean.view(_channels(rows))) * scale.view(_channels(rows))
        ctx.save_for_backward(normal, scale)
        ctx.count = count
        return normal

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        normal, scale = ctx.saved_tensors
        dims, shape = _dims(normal), _channels(normal)
        sums = torch.stack([gradient.sum(dims), (gradient * normal).sum(dims)])
        even, along = (Shard.here(0).summed(sums) / ctx.count).unbind()
        centred = gradient - even.view(shape) - normal * along.view(shape)
        return centred * scale.view(shape), None, None, None
