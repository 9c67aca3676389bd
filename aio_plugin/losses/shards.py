"""Rows distributed over the ranks of torch.distributed: of a table, and of a global batch.

With a world size of 1 nothing is communicated. Functions and methods marked as collective must be called by all
ranks, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Shard:
    """One rank's part of a table: its rows ``start`` to ``stop``, of ``rows`` in all."""

    rows: int
    rank: int = 0
    world: int = 1

    @classmethod
    def here(cls, rows: int) -> Shard:
        """This rank's part; the whole if torch.distributed is not initialised."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls(rows)
        return cls(rows, dist.get_rank(), dist.get_world_size())

    @property
    def start(self) -> int:
        """First row of this rank."""
        return self.rows * self.rank // self.world

    @property
    def stop(self) -> int:
        """Row after the last of this rank."""
        return self.rows * (self.rank + 1) // self.world

    def cut(self, table: Tensor) -> Tensor:
        """(rows, ...) -> a copy of this rank's rows."""
        return table[self.start : self.stop].clone()

    def joined(self, part: Tensor) -> Tensor:
        """This rank's rows -> (rows, ...), the inverse of :meth:`cut`; collective."""
        return self.gathered(part, self.counts(part))

    def counts(self, part: Tensor) -> list[int]:
        """Number of rows in the ``part`` of every rank; collective."""
        if self.world == 1:
            return [len(part)]
        counts = torch.zeros(self.world, dtype=torch.long, device=part.device)
        counts[self.rank] = len(part)
        dist.all_reduce(counts)
        return counts.tolist()

    def gathered(self, part: Tensor, counts: list[int]) -> Tensor:
        """(counts[rank], ...) -> (sum of counts, ...), the ranks' rows in order, without a graph; collective."""
        if self.world == 1 or not any(counts):
            return part.detach()
        padded = part.new_zeros(max(counts), *part.shape[1:])
        padded[: len(part)] = part.detach()
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        return torch.cat([rows[:count] for rows, count in zip(parts, counts, strict=True)])

    def own(self, counts: list[int]) -> slice:
        """Positions of this rank's rows in the result of :meth:`gathered`."""
        start = sum(counts[: self.rank])
        return slice(start, start + counts[self.rank])

    def summed(self, tensor: Tensor) -> Tensor:
        """The sum over the ranks, without a graph; collective."""
        return self._reduced(tensor, dist.ReduceOp.SUM)

    def highest(self, tensor: Tensor) -> Tensor:
        """The maximum over the ranks, without a graph; collective."""
        return self._reduced(tensor, dist.ReduceOp.MAX)

    def _reduced(self, tensor: Tensor, operation: Any) -> Tensor:
        if self.world == 1:
            return tensor
        reduced = tensor.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(reduced, op=operation)
        return reduced


# The value of the next two functions is that of the global batch on all ranks. The gradient of this rank's rows is
# ``world`` times the true one, because DistributedDataParallel averages over the ranks. No collective runs in backward,
# where it could mix with those of DistributedDataParallel.


def gather_rows(*parts: Tensor) -> tuple[Tensor, ...]:
    """The rows of all ranks, rank after rank; those of this rank carry gradient; collective.

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


def _with_gradient(part: Tensor, whole: Tensor, shard: Shard, counts: list[int]) -> Tensor:
    if not part.requires_grad:
        return whole
    own = shard.own(counts)
    scaled = part.detach() + (part - part.detach()) * shard.world  # exactly the value of part
    return torch.cat([whole[: own.start], scaled, whole[own.stop :]])


def mean_of_all(mean: Tensor, rows: int) -> Tensor:
    """The mean over the rows of all ranks, from the ``mean`` () of this rank's ``rows``; 0 without rows; collective."""
    shard = Shard.here(0)
    if shard.world == 1:
        return mean
    number = mean.new_tensor(rows)
    total, everyone = shard.summed(torch.stack([mean.detach() * rows, number])).unbind()
    everyone = everyone.clamp(min=1)
    share = mean * (number / everyone * shard.world)
    return share + (total / everyone - share.detach())


def anywhere(here: bool, like: Tensor) -> bool:
    """Whether ``here`` is true on any rank; collective, on the device of ``like``."""
    shard = Shard.here(0)
    return here if shard.world == 1 else bool(shard.highest(torch.tensor(float(here), device=like.device)))


def keep_state_whole(optimizer: torch.optim.Optimizer, part: Tensor, shard: Shard) -> None:
    """Make the state dicts of ``optimizer`` hold all rows of its state for ``part``, a shard's rows.

    So a checkpoint fits any number of ranks. Making a state dict is then a collective operation.
    """
    if shard.world == 1:
        return

    def saved(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
        return _each_row(optimizer, part, state, len(part), shard.joined)

    def loaded(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
        return _each_row(optimizer, part, state, shard.rows, shard.cut)

    optimizer.register_state_dict_post_hook(saved)
    optimizer.register_load_state_dict_pre_hook(loaded)


def _each_row(
    optimizer: torch.optim.Optimizer,
    part: Tensor,
    state: dict[str, Any],
    rows: int,
    change: Callable[[Tensor], Tensor],
) -> dict[str, Any]:
    """``state`` with ``change`` applied to the tensors of ``part`` that have its shape with ``rows`` rows."""
    own = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    names = [name for group in state["param_groups"] for name in group["params"]]
    shape, name = (rows, *part.shape[1:]), dict(zip(own, names, strict=False)).get(id(part))
    kept = {
        key: change(value) if isinstance(value, Tensor) and value.shape == shape else value
        for key, value in state["state"].get(name, {}).items()
    }
    return {**state, "state": {**state["state"], **({name: kept} if kept else {})}}
