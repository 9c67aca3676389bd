"""Checkpoints in torchreid's form, written so that a kill leaves the old file or the new one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..atomic_write import written_whole
from ..errors import CheckpointError

PROGRESS, SCALER, BEST = "aio_progress", "aio_scaler", "aio_best"
"""Keys in the optimiser's first parameter group: where training stands, the state of fp16's loss scale, and the best
value so far of the metric that model-best.pth.tar is chosen by.

``torchreid.utils.resume_from_checkpoint`` restores the optimiser and returns an epoch; everything else travels here,
so that stock scripts resume in the middle of an epoch without knowing it.
"""


def save_atomically(state: Mapping[str, Any], path: Path) -> None:
    """``torch.save`` to ``path``, whole or not at all.

    Raises:
        CheckpointError: it cannot be written, for want of space as a rule; what stood there is still there.
    """
    try:
        with written_whole(path) as file:
            torch.save(dict(state), file)
    except (OSError, RuntimeError) as error:
        cause = error if isinstance(error, OSError) else error.__context__  # torch's own error covers the first
        if not isinstance(cause, OSError):
            raise
        kept = " The file from before is intact." if path.exists() else ""
        raise CheckpointError(
            f"Cannot write the checkpoint {str(path)!r}: {cause}.{kept} Free space there, or set "
            "data.save_dir to another disk, and go on with model.resume."
        ) from error


def set_progress(optimizer: torch.optim.Optimizer, epoch: int, step: int) -> None:
    """Note that ``epoch`` epochs and ``step`` steps of the next one are done."""
    optimizer.param_groups[0][PROGRESS] = {"epoch": epoch, "step": step}


def steps_done(optimizer: torch.optim.Optimizer, epoch: int) -> int:
    """Steps of ``epoch`` that are done already: those of a resumed checkpoint, else 0."""
    progress = optimizer.param_groups[0].get(PROGRESS)
    return int(progress["step"]) if progress and progress["epoch"] == epoch else 0


def keep_scaler(optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
    """Note the state of ``scaler``, where it is in use."""
    if scaler.is_enabled():
        optimizer.param_groups[0][SCALER] = scaler.state_dict()


def restore_scaler(optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
    """Set ``scaler`` to the state that came with a resumed checkpoint, if any."""
    state = optimizer.param_groups[0].get(SCALER)
    if state and scaler.is_enabled():
        scaler.load_state_dict(state)


def improved(optimizer: torch.optim.Optimizer, name: str, value: float) -> bool:
    """Whether ``value`` is the highest so far of what ``name`` says; notes it if so."""
    best = optimizer.param_groups[0].get(BEST)
    if best and best["name"] == name and best["value"] >= value:
        return False
    optimizer.param_groups[0][BEST] = {"name": name, "value": value}
    return True
