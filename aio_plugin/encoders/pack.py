"""Sequences of any lengths as one pack of tokens without padding.

Operations on single tokens apply to the whole pack; for attention, sequences of one length are next to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor


@dataclass
class Sequences:
    """Sequences to encode, and which outputs are read.

    Attributes:
        tokens: (b, N, D).
        mask: (b, N) bool on the CPU, False on padding; None = no padding. On a GPU, reading it would synchronise.
        whole: read the output at every token, not only at the first.
    """

    tokens: Tensor
    mask: Tensor | None = None
    whole: bool = False

    def kept(self) -> Tensor:
        """The mask (b, N) on the CPU."""
        return torch.ones(self.tokens.shape[:2], dtype=torch.bool) if self.mask is None else self.mask.cpu()


class Run(NamedTuple):
    """``number`` consecutive sequences of a pack, each of ``length`` tokens, the first ``read`` of which are read."""

    number: int
    length: int
    read: int


class Pack:
    """The layout of a pack, on the CPU: the shortest sequences first, the tokens of a sequence next to each other.

    Args:
        groups: the sequences, S in all, with T tokens in all without padding.

    Attributes:
        take: (T,) int64, positions of the pack's tokens in the flattened groups.
        read: (Q,) int64, positions of the tokens that are read in the pack.
        runs: of sequences of one length; ``last_runs``: of one length and one number of tokens read.
    """

    def __init__(self, groups: Sequence[Sequences]) -> None:
        masks = [each.kept() for each in groups]
        keep, lengths = torch.cat([mask.flatten() for mask in masks]), torch.cat([mask.sum(1) for mask in masks])
        reads = torch.cat([m.sum(1) if each.whole else m.any(1).long() for each, m in zip(groups, masks, strict=True)])
        order = torch.argsort(lengths * (int(lengths.max()) + 1) + reads, stable=True)
        starts = lengths.cumsum(0) - lengths
        self.take = keep.nonzero().flatten()[_spans(starts[order], lengths[order])]
        self._lengths, self._reads = lengths[order], reads[order]
        self.read = _spans(self._lengths.cumsum(0) - self._lengths, self._reads)
        pairs = list(zip(self._lengths.tolist(), self._reads.tolist(), strict=True))
        self.last_runs = [Run(len(list(same)), *pair) for pair, same in groupby(pairs)]
        self.runs = [Run(len(list(same)), n, n) for n, same in groupby(pairs, key=lambda pair: pair[0])]
        self._groups = groups
        self._at_ends: tuple[tuple[Tensor, int], tuple[Tensor, int]] | None = None
        self._back = torch.empty_like(self.read)
        first = (reads.cumsum(0) - reads)[order]  # where a sequence's rows are in the order of the groups
        self._back[_spans(first, self._reads)] = torch.arange(len(self.read))

    def tokens(self) -> Tensor:
        """(T, D): the tokens in the order of the pack."""
        flat = torch.cat([each.tokens.flatten(0, 1) for each in self._groups])
        return pick(flat, self.take)

    def unpack(self, rows: Tensor) -> list[Tensor]:
        """The outputs that were read (Q, D), by group: (b, D), or (b, N, D) with 0 on padding if it is whole."""
        ordered, at, outputs = pick(rows, self._back), 0, []
        for each in self._groups:
            kept = each.kept().flatten()
            number = int(kept.sum()) if each.whole else len(each.tokens)
            part, at = ordered[at : at + number], at + number
            if each.whole:
                part = spread(part, kept.nonzero().flatten(), len(kept)).unflatten(0, each.tokens.shape[:2])
            outputs.append(part)
        return outputs

    def ends(self, device: torch.device) -> tuple[tuple[Tensor, int], tuple[Tensor, int]]:
        """(S + 1,) int32 ends of the sequences, 0 first, and the longest length; the same for the tokens read."""
        if self._at_ends is None:  # every block needs them
            self._at_ends = _ends(self._lengths, device), _ends(self._reads, device)
        return self._at_ends


def pick(rows: Tensor, index: Tensor) -> Tensor:
    """``rows[index]`` of rows (T, D) without repeated rows; the gradient is copied, not accumulated."""
    return _Pick.apply(rows, index.to(rows.device, non_blocking=True))  # type: ignore[no-any-return]


def spread(rows: Tensor, index: Tensor, length: int) -> Tensor:
    """(length, D) that is ``rows`` at ``index`` and 0 elsewhere."""
    return rows.new_zeros(length, *rows.shape[1:]).index_copy(0, index.to(rows.device, non_blocking=True), rows)


class _Pick(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.length = len(rows)
        return rows.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        return spread(grad, index, ctx.length), None


def _ends(lengths: Tensor, device: torch.device) -> tuple[Tensor, int]:
    ends = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).int()
    return ends.to(device, non_blocking=True), int(lengths.max())


def _spans(starts: Tensor, lengths: Tensor) -> Tensor:
    """start, start + 1, ... of every span, one span after the other."""
    before = lengths.cumsum(0) - lengths
    return torch.arange(int(lengths.sum())) + (starts - before).repeat_interleave(lengths)
