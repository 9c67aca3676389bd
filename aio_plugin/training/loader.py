"""The loader of batches: finished on the device where they go, and with errors that name the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from ..errors import AIOError, WorkerError
from ..modality import Batch
from .media import finish, stack

DEAD = "DataLoader worker (pid"
"""How torch's error of a worker that died begins."""


class BatchLoader(DataLoader[Any]):
    """A DataLoader of :class:`Batch`.

    Workers give uint8 pixels where the transforms allow it; what is left (:func:`finish`) is done here, on
    ``device``. Batches for a GPU so cross in a quarter of the bytes, from page-locked memory, without waiting.

    Args:
        dataset: gives the entries of one item, as BundleDataset and QueryDataset do.
        device: where batches go; None leaves them on the CPU.
        options: of DataLoader, but collation and pinning.

    Raises:
        WorkerError: while iterating: a worker died.
        MediaError: while iterating: an image cannot be read; names it, whether a worker read it or not.
    """

    def __init__(self, dataset: Dataset[Any], *, device: torch.device | str | None = None, **options: Any) -> None:
        self.device = device
        super().__init__(dataset, collate_fn=stack, pin_memory=_is_cuda(device), **options)

    def __iter__(self) -> Any:
        return self._finished(super().__iter__())  # workers start now, not when the first batch is asked for

    def _finished(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except AIOError as error:
                _raise_as_worker_did(error)
                raise
            except RuntimeError as error:
                _raise_if_worker_died(error)
                raise
            yield finish(batch if self.device is None else batch.to(self.device, non_blocking=True))


def _is_cuda(device: torch.device | str | None) -> bool:
    return device is not None and torch.device(device).type == "cuda"


def _raise_as_worker_did(error: AIOError) -> None:
    """torch hands over what a worker raised with the whole traceback as its message; raise it as it was."""
    kind = type(error)
    _, mark, message = str(error).rpartition(f"{kind.__module__}.{kind.__qualname__}: ")
    if mark:
        raise kind(message.strip()) from None


def _raise_if_worker_died(error: RuntimeError) -> None:
    if str(error).startswith(DEAD):
        raise WorkerError(
            "A process that loads images died, most often for lack of memory: lower data.workers or "
            "train.batch_size; in a container give it more shared memory (docker run --shm-size=8g). "
            f"torch says: {error}"
        ) from error
