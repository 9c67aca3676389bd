"""What a loss sees of the other ranks of torch.distributed, so that several processes train as one.

Every function gives all ranks the value of the global batch, and a gradient that is ``world`` times the
true one of what this rank holds: DistributedDataParallel takes the mean over the ranks, and
:func:`aio_plugin.losses.partial_fc.compare` keeps to the same. All are collective: every rank has to call them,
in one order. No collective runs backward, where it could get between those of DistributedDataParallel.
In a single process they hand back what they were given.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .shards import Shard


def gather_rows(*parts: Tensor) -> tuple[Tensor, ...]:
    """The rows of all ranks, rank after rank; those of this rank carry gradient.

    A loss of all rows is the same number on every rank, so that each rank can take the gradient of its
    own rows from its own copy of the loss.

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
    """The mean over the rows of all ranks, of the ``mean`` () over the ``rows`` that this rank has; 0 where none."""
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
        like: tells the device to talk through.
    """
    shard = Shard.here(0)
    if shard.world == 1:
        return here
    return bool(shard.highest(torch.tensor(float(here), device=like.device)))


def _with_gradient(part: Tensor, whole: Tensor, shard: Shard, counts: list[int]) -> Tensor:
    if not part.requires_grad:
        return whole
    own = shard.own(counts)
    scaled = part.detach() + (part - part.detach()) * shard.world  # the value of part, to the last bit
    return torch.cat([whole[: own.start], scaled, whole[own.stop :]])
