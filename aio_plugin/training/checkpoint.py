"""Checkpoints in torchreid's form, written so that a kill leaves the old file or the new one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..writing import written_whole

PROGRESS = "aio_progress"
"""Key in the optimiser's first parameter group that says where training stands.

``torchreid.utils.resume_from_checkpoint`` restores the optimiser and returns an epoch; steps within the
epoch travel here, so that stock scripts resume in the middle of an epoch without knowing it.
"""


def save_atomically(state: Mapping[str, Any], path: Path) -> None:
    """``torch.save`` to ``path``, whole or not at all."""
    with written_whole(path) as file:
        torch.save(dict(state), file)


def set_progress(optimizer: torch.optim.Optimizer, epoch: int, step: int) -> None:
    """Note that ``epoch`` epochs and ``step`` steps of the next one are done."""
    optimizer.param_groups[0][PROGRESS] = {"epoch": epoch, "step": step}


def steps_done(optimizer: torch.optim.Optimizer, epoch: int) -> int:
    """Steps of ``epoch`` that are done already: those of a resumed checkpoint, else 0."""
    progress = optimizer.param_groups[0].get(PROGRESS)
    return int(progress["step"]) if progress and progress["epoch"] == epoch else 0
