"""A run of torchreid in several processes, in which rank 0 alone prints, logs and writes."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from typing import Any

from ..errors import AIOError
from ..training import distributed
from .patches.base import Patches
from .torchreid_import import import_torchreid


@contextlib.contextmanager
def processes() -> Iterator[None]:
    """Connect the processes that torchrun started, if it did, and silence all but rank 0; errors name the rank."""
    with distributed.process_group():
        if distributed.world_size() == 1:
            yield
            return
        try:
            with contextlib.nullcontext() if distributed.is_main() else _silence():
                yield
        except AIOError as error:
            raise type(error)(f"rank {distributed.rank()}: {error}") from error


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Suppress printed lines, warnings and the log file."""
    patches, utils = Patches(), import_torchreid().utils
    stock = utils.Logger
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patches.set_attribute(utils, "Logger", lambda fpath=None: stock())  # without its file
        try:
            yield
        finally:
            patches.undo()


class NoWriter:
    """Replaces TensorBoard's SummaryWriter on the other ranks."""

    def add_scalar(self, *_: Any) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
