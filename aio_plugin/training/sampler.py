"""The persons of a batch: distinct ones, from each source its quota (AIO Sec. 4.1); their division over processes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..errors import CheckpointError, ConfigError, DatasetError
from .person_dataset import Draw
from .randomness import mix
from .stages import Share, Stage


def check_division(persons: int, world: int, parts: int) -> None:
    """Raise ConfigError unless ``persons`` of a batch can be divided over ``world`` processes with ``parts`` each."""
    if persons % (world * parts):
        raise ConfigError(
            f"A batch holds {persons} persons (train.batch_size, divided by sampler.num_instances for "
            f"RandomIdentitySampler), which {world} processes cannot share evenly"
            + (f" and take in {parts} parts each (aio.train.accumulate)" if parts > 1 else "")
            + f"; make it a multiple of {world * parts}. train.batch_size is that of all processes together."
        )


def rows_of(rank: int, world: int, persons: int, copies: int) -> list[int]:
    """The rows of process ``rank`` in a batch of ``persons``: all ``copies`` of every ``world``-th person.

    Neighbours in a batch are of one source, so this spreads modalities and cost over the processes.
    """
    return [person * copies + copy for person in range(rank, persons, world) for copy in range(copies)]


def batches_of(items: int, size: int, rank: int = 0, world: int = 1) -> list[list[int]]:
    """The batches of ``items``, in order, that process ``rank`` tests: every ``world``-th.

    So an item is in the same batch as with one process, and its feature has the same bits.
    """
    return [list(range(start, min(start + size, items))) for start in range(rank * size, items, world * size)]


class _Part(NamedTuple):
    """A source of a batch, its number, and its persons in a batch that it has part in."""

    share: Share
    source: int
    persons: int


def _turns(quotas: Sequence[int], steps: int, needed: Sequence[int]) -> list[int]:
    """Whose turn every batch of one source is: as evenly spread as ``quotas`` allow.

    Args:
        steps: number of batches; 0 = until source i has had ``needed[i]``.
    """
    turns: list[int] = []
    credit, had = [0] * len(quotas), [0] * len(quotas)
    while len(turns) < steps if steps else any(count < least for count, least in zip(had, needed, strict=True)):
        credit = [have + quota for have, quota in zip(credit, quotas, strict=True)]
        number = credit.index(max(credit))
        credit[number] -= sum(quotas)
        had[number] += 1
        turns.append(number)
    return turns


class PersonSampler(torch.utils.data.Sampler[list[Draw]]):
    """Batches of draws. The order is a function of (seed, epoch) alone.

    Each of several processes gets its part (:func:`rows_of`) of the batches that one process would get, so
    that a position in an epoch does not depend on their number.

    An epoch has every person of every source at least once: it ends when the source with the most
    persons for its quota is exhausted; smaller sources are shuffled again and repeated.

    Args:
        sizes: number of persons of every source.
        names: of the sources, in the order of ``sizes``.
        stage: quotas and synthetic modalities.
        seed: train.seed.
        copies: items of one person in a batch (torchreid's sampler.num_instances).
        steps: batches per epoch; 0 = as above.
        rank, world: number of this process, and of all.

    Raises:
        ConfigError: a batch cannot be divided evenly over the processes.
        DatasetError: a source has fewer persons than its quota.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        names: Sequence[str],
        stage: Stage,
        seed: int,
        copies: int = 1,
        steps: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.sizes, self.seed, self.copies = sizes, seed, copies
        persons = sum(share.quota for share in stage.shares)
        self.parts = [
            _Part(share, names.index(share.source), persons if stage.single_source else share.quota)
            for share in stage.shares
        ]
        for part in self.parts:
            if sizes[part.source] < part.persons:
                raise DatasetError(
                    f"{part.share.source} has {sizes[part.source]} persons, its batches ask for {part.persons} "
                    "different ones; lower the quota in aio.stages or train.batch_size."
                )
        needed = [-(-sizes[part.source] // part.persons) for part in self.parts]
        self.turns = _turns([part.share.quota for part in self.parts], steps, needed) if stage.single_source else []
        self.steps = steps or len(self.turns) or max(needed)
        check_division(persons, world, 1)
        self.rows = rows_of(rank, world, persons, copies)
        self.epoch, self.start = 0, 0

    def at(self, epoch: int, start: int = 0) -> None:
        """Go to ``epoch`` and skip its first ``start`` batches, which are done; CheckpointError if it has fewer."""
        if start > self.steps:
            raise CheckpointError(
                f"The checkpoint is of a run with more than {self.steps} steps an epoch: it has done {start} of one. "
                "Resume with the config and the data of its training."
            )
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[Draw]]:
        orders = [self._order(part) for part in self.parts]
        for step in range(self.steps):
            batch = []
            for number in [self.turns[step]] if self.turns else range(len(self.parts)):
                part = self.parts[number]
                for person in itertools.islice(orders[number], part.persons):
                    seed = mix(self.seed, self.epoch, step, part.source, person)
                    batch += [
                        Draw(part.source, person, seed, copy, part.share.synthetic) for copy in range(self.copies)
                    ]
            if step >= self.start:
                yield [batch[row] for row in self.rows]

    def _order(self, part: _Part) -> Iterator[int]:
        """The persons of a source, without end: one shuffle after another, no person twice in a batch."""
        rng = np.random.default_rng(mix(self.seed, self.epoch, part.source))
        unfinished: list[int] = []  # the batch that the last shuffle did not fill
        while True:
            shuffle = rng.permutation(self.sizes[part.source])
            repeated = np.isin(shuffle, unfinished)
            order = [*shuffle[~repeated].tolist(), *shuffle[repeated].tolist()]
            yield from order
            filled = len(unfinished) + len(order)
            unfinished = [*unfinished, *order][filled - filled % part.persons :]
