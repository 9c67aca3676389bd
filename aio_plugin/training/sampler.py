"""Which persons meet in a batch: distinct ones, each source with its quota (AIO Sec. 4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ..errors import DatasetError
from .bundles import Draw
from .randomness import mix
from .stages import Stage


class PersonSampler(torch.utils.data.Sampler[list[Draw]]):
    """Batches of draws. The order is a function of (seed, epoch) alone.

    An epoch shows every person of every source at least once: it ends when the source with the most
    persons for its quota has been through; smaller sources start over, shuffled anew.

    Args:
        sizes: persons of every source.
        names: of the sources, in the order of ``sizes``.
        stage: quotas, and what is synthetic.
        copies: bundles of one person in a batch (torchreid's sampler.num_instances).
        steps: batches an epoch; 0 = as above.
        seed: train.seed.

    Raises:
        DatasetError: a source has fewer persons than its quota.
    """

    def __init__(
        self, sizes: Sequence[int], names: Sequence[str], stage: Stage, seed: int, copies: int = 1, steps: int = 0
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
            yield batch

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
