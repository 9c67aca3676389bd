"""The loader of batches: they are completed on their device, and errors name the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from ..errors import AIOError, WorkerError
from ..modality import Batch
from .media import finish, stack


@contextmanager
def worker_death_explained() -> Iterator[None]:
    """Turns torch's error on the death of a worker into a WorkerError; it is raised wherever the main thread is."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, AIOError) or not str(error).startswith("DataLoader worker (pid"):
            raise
        raise WorkerError(
            "A process that loads images died, most often for lack of memory: lower data.workers or "
            "train.batch_size; in a container give it more shared memory (docker run --shm-size=8g). "
            f"torch says: {' '.join(str(error).split())}"
        ) from error


class BatchLoader(DataLoader[Any]):
    """A DataLoader of :class:`Batch`.

    Workers give uint8 pixels where the transforms allow it; normalisation (:func:`finish`) is done here, on ``device``.
    So batches are copied to a GPU in a quarter of the bytes, from page-locked memory, without waiting.

    Args:
        dataset: gives the entries of one item, like PersonDataset and QueryDataset.
        device: None leaves batches on the CPU.
        collate: makes a batch of entries, to be passed to :func:`finish`.
        options: of DataLoader, except for collation and pinning.

    Raises:
        WorkerError: while iterating: a worker died.
        MediaError: while iterating: an image cannot be read; names it, whether a worker read it or not.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        *,
        device: torch.device | str | None = None,
        collate: Callable[[Sequence[Any]], Batch] = stack,
        **options: Any,
    ) -> None:
        self.device = device
        super().__init__(
            dataset,
            collate_fn=collate,
            pin_memory=device is not None and torch.device(device).type == "cuda",
            **options,
        )

    def __iter__(self) -> Any:
        return self._finished(super().__iter__())  # workers start now, not when the first batch is asked for

    def _finished(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        while True:
            try:
                with worker_death_explained():
                    batch = next(batches)
            except StopIteration:
                return
            except AIOError as error:
                kind = type(error)  # a worker's error, whose message is the whole traceback
                _, raised, message = str(error).rpartition(f"{kind.__module__}.{kind.__qualname__}: ")
                if raised:
                    raise kind(message.strip()) from None
                raise
            yield finish(batch if self.device is None else batch.to(self.device, non_blocking=True))
