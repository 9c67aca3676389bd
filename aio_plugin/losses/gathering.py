"""Rows and means of all ranks of torch.distributed, so that losses are those of the global batch.

Every function returns the value of the global batch on all ranks, with a gradient of this rank's rows that is
``world`` times the true one, because DistributedDataParallel averages over the ranks;
:func:`aio_plugin.losses.partial_fc.compare` does the same. All are collective operations: every rank must call them,
in the same order. No collective runs in backward, where it could mix with those of DistributedDataParallel.
In a single process they return their arguments.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .shards import Shard


def gather_rows(*parts: Tensor) -> tuple[Tensor, ...]:
    """The rows of all ranks, rank after rank; those of this rank carry gradient.

    A loss of all rows is the same number on every rank, so each rank takes the gradient of its own rows
    from its own copy of the loss.

    Args:
        parts: tensors with the same number of rows, which may differ between ranks.

    Shape:
        (n, ...) each -> (sum of n over the ranks, ...) each.
    """
    shard = Shard.here(0)
    if shard.world == 1:
        return parts
    counts = shard.counts(parts[0])
    return tuple(_with_gradient(part, shard.gathered(part, counts), shard, counts) for part in parts)


def mean_of_all(mean: Tensor, rows: int) -> Tensor:
    """The mean over the rows of all ranks, from the ``mean`` () over this rank's ``rows``; 0 if there are no rows."""
    shard = Shard.here(0)
    if shard.world == 1:
        return mean
    number = mean.new_tensor(rows)
    total, everyone = shard.summed(torch.stack([mean.detach() * rows, number])).unbind()
    everyone = everyone.clamp(min=1)
    share = mean * (number / everyone * shard.world)
    return share + (total / everyone - share.detach())


def anywhere(here: bool, like: Tensor) -> bool:
    """Whether ``here`` is true on any rank.

    Args:
        like: a tensor on the device to communicate with.
    """
    shard = Shard.here(0)
    if shard.world == 1:
        return here
    return bool(shard.highest(torch.tensor(float(here), device=like.device)))


def _with_gradient(part: Tensor, whole: Tensor, shard: Shard, counts: list[int]) -> Tensor:
    if not part.requires_grad:
        return whole
    own = shard.own(counts)
    scaled = part.detach() + (part - part.detach()) * shard.world  # exactly the value of part
    return torch.cat([whole[: own.start], scaled, whole[own.stop :]])
