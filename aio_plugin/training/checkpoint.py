"""Checkpoints in torchreid's form, written so that a kill leaves the old file or the new one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

PROGRESS = "aio_progress"
"""Key in the optimiser's first parameter group that says where training stands.

``torchreid.utils.resume_from_checkpoint`` restores the optimiser and returns an epoch; steps within the
epoch travel here, so that stock scripts resume in the middle of an epoch without knowing it.
"""


def save_atomically(state: Mapping[str, Any], path: Path) -> None:
    """``torch.save`` to a temporary file beside ``path``, flushed to disk, then renamed over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def set_progress(optimizer: torch.optim.Optimizer, epoch: int, step: int) -> None:
    """Note that ``epoch`` epochs and ``step`` steps of the next one are done."""
    optimizer.param_groups[0][PROGRESS] = {"epoch": epoch, "step": step}


def steps_done(optimizer: torch.optim.Optimizer, epoch: int) -> int:
    """Steps of ``epoch`` that are done already: those of a resumed checkpoint, else 0."""
    progress = optimizer.param_groups[0].get(PROGRESS)
    return int(progress["step"]) if progress and progress["epoch"] == epoch else 0
