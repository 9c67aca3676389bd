"""Which persons meet in a batch: distinct ones, each source with its quota (AIO Sec. 4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ..errors import ConfigError, DatasetError
from .bundles import Draw
from .randomness import mix
from .stages import Stage


def check_division(persons: int, world: int, parts: int) -> None:
    """Raise ConfigError unless the persons of a batch can be dealt out to ``world`` processes, and there to ``parts``.

    A person's bundles stay together.
    """
    if persons % (world * parts):
        raise ConfigError(
            f"A batch holds {persons} persons (train.batch_size, divided by sampler.num_instances for "
            f"RandomIdentitySampler), which {world} processes cannot share evenly"
            + (f" and take in {parts} parts each (aio.train.accumulate)" if parts > 1 else "")
            + f"; make it a multiple of {world * parts}. train.batch_size is that of all processes together."
        )


def rows_of(rank: int, world: int, persons: int, copies: int) -> list[int]:
    """Which rows of a batch of ``persons`` are those of process ``rank``: every ``world``-th person, from ``rank`` on.

    Neighbours in a batch are of one source, and with them modalities and cost are spread over the processes.
    """
    return [person * copies + copy for person in range(rank, persons, world) for copy in range(copies)]


def batches_of(items: int, size: int, rank: int = 0, world: int = 1) -> list[list[int]]:
    """The batches of ``items`` in order that are tested by process ``rank``: every ``world``-th, whole.

    So an item stands in the very batch that it stands in with one process, and its feature is the same bits.
    """
    return [list(range(start, min(start + size, items))) for start in range(rank * size, items, world * size)]


class PersonSampler(torch.utils.data.Sampler[list[Draw]]):
    """Batches of draws. The order is a function of (seed, epoch) alone.

    With several processes each gets its part (:func:`rows_of`) of the batches that one process would get, so
    that a position in an epoch means the same for any number of them.

    An epoch shows every person of every source at least once: it ends when the source with the most
    persons for its quota has been through; smaller sources start over, shuffled anew.

    Args:
        sizes: persons of every source.
        names: of the sources, in the order of ``sizes``.
        stage: quotas, and what is synthetic.
        copies: bundles of one person in a batch (torchreid's sampler.num_instances).
        steps: batches an epoch; 0 = as above.
        seed: train.seed.
        rank, world: number of this process, and of all.

    Raises:
        ConfigError: the processes cannot share a batch evenly.
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
        self.sizes, self.stage, self.seed, self.copies = sizes, stage, seed, copies
        self.columns = [names.index(share.source) for share in stage.shares]
        for share, column in zip(stage.shares, self.columns, strict=True):
            if sizes[column] < share.quota:
                raise DatasetError(
                    f"{share.source} has {sizes[column]} persons, its quota asks for {share.quota} different ones "
                    f"in a batch; lower the quota in aio.stages or train.batch_size."
                )
        self.steps = steps or max(
            -(-sizes[column] // share.quota) for share, column in zip(stage.shares, self.columns, strict=True)
        )
        self.persons = sum(share.quota for share in stage.shares)
        check_division(self.persons, world, 1)
        self.rows = rows_of(rank, world, self.persons, copies)
        self.epoch, self.start = 0, 0

    def at(self, epoch: int, start: int = 0) -> None:
        """Go to ``epoch``, whose first ``start`` batches are left out (they are done)."""
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[Draw]]:
        orders = [
            self._order(self.sizes[column], share.quota, column)
            for share, column in zip(self.stage.shares, self.columns, strict=True)
        ]
        for step in range(self.start, self.steps):
            batch = []
            for share, column, order in zip(self.stage.shares, self.columns, orders, strict=True):
                for person in order[step * share.quota : (step + 1) * share.quota]:
                    seed = mix(self.seed, self.epoch, step, column, int(person))
                    batch += [Draw(column, int(person), seed, copy, share.synthetic) for copy in range(self.copies)]
            yield [batch[row] for row in self.rows]

    def _order(self, size: int, quota: int, column: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Persons for all steps: whole shuffles one after the other, none twice in a batch."""
        rng = np.random.default_rng(mix(self.seed, self.epoch, column))
        rows: list[int] = []
        while len(rows) < self.steps * quota:
            shuffle = rng.permutation(size)
            begun = rows[len(rows) - len(rows) % quota :]  # of the batch that the last shuffle left unfinished
            if begun:
                repeated = np.isin(shuffle, begun)
                shuffle = np.concatenate([shuffle[~repeated], shuffle[repeated]])
            rows.extend(shuffle.tolist())
        return np.asarray(rows[: self.steps * quota])
