"""The persons of a batch: distinct ones, from each source its quota (AIO Sec. 4.1); their division over processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ..errors import CheckpointError, ConfigError, DatasetError
from .person_dataset import Draw
from .randomness import mix
from .stages import Stage


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
        self.shares = [(share, names.index(share.source)) for share in stage.shares]
        for share, source in self.shares:
            if sizes[source] < share.quota:
                raise DatasetError(
                    f"{share.source} has {sizes[source]} persons, its quota asks for {share.quota} different ones in a "
                    "batch; lower the quota in aio.stages or train.batch_size."
                )
        self.steps = steps or max(-(-sizes[source] // share.quota) for share, source in self.shares)
        persons = sum(share.quota for share in stage.shares)
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
        orders = [self._order(share.quota, source) for share, source in self.shares]
        for step in range(self.start, self.steps):
            batch = []
            for (share, source), order in zip(self.shares, orders, strict=True):
                for person in order[step * share.quota : (step + 1) * share.quota]:
                    seed = mix(self.seed, self.epoch, step, source, person)
                    batch += [Draw(source, person, seed, copy, share.synthetic) for copy in range(self.copies)]
            yield [batch[row] for row in self.rows]

    def _order(self, quota: int, source: int) -> list[int]:
        """The persons of a source for all steps: one shuffle after another, no person twice in a batch."""
        rng = np.random.default_rng(mix(self.seed, self.epoch, source))
        order: list[int] = []
        while len(order) < self.steps * quota:
            shuffle = rng.permutation(self.sizes[source])
            unfinished = order[len(order) - len(order) % quota :]  # the batch that the last shuffle did not fill
            repeated = np.isin(shuffle, unfinished)
            order += [*shuffle[~repeated].tolist(), *shuffle[repeated].tolist()]
        return order
