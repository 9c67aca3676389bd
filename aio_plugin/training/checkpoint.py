"""Checkpoints in torchreid's format, written atomically, with the state that resuming within an epoch needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..atomic_write import written_whole
from ..errors import CheckpointError

PROGRESS, SCALER, BEST = "aio_progress", "aio_scaler", "aio_best"
"""Keys in the optimiser's first parameter group: progress of training, state of the gradient scaler, and the best value
so far of the metric that selects model-best.pth.tar.

``torchreid.utils.resume_from_checkpoint`` restores the optimiser and returns an epoch only. With these keys there,
torchreid's scripts resume within an epoch.
"""


def save_atomically(state: Mapping[str, Any], path: Path) -> None:
    """``torch.save`` to ``path``, atomically.

    Raises:
        CheckpointError: it cannot be written, usually for lack of disk space; an earlier file is intact.
    """
    try:
        with written_whole(path) as file:
            torch.save(dict(state), file)
    except (OSError, RuntimeError) as error:
        cause = error if isinstance(error, OSError) else error.__context__  # torch's own error hides it
        if not isinstance(cause, OSError):
            raise
        kept = " The earlier file is intact." if path.exists() else ""
        raise CheckpointError(
            f"Cannot write the checkpoint {str(path)!r}: {cause.strerror or cause}.{kept} Free disk space, or set "
            "data.save_dir to another disk, and resume with model.resume."
        ) from error


def set_progress(optimizer: torch.optim.Optimizer, epoch: int, step: int) -> None:
    """Record that ``epoch`` epochs and ``step`` steps of the next one are done."""
    optimizer.param_groups[0][PROGRESS] = {"epoch": epoch, "step": step}


def has_progress(optimizer: torch.optim.Optimizer) -> bool:
    """Whether ``optimizer`` has trained or was restored from a checkpoint."""
    return PROGRESS in optimizer.param_groups[0]


def steps_done(optimizer: torch.optim.Optimizer, epoch: int) -> int:
    """Steps of ``epoch`` that a resumed checkpoint has done, else 0."""
    progress = optimizer.param_groups[0].get(PROGRESS)
    return int(progress["step"]) if progress and progress["epoch"] == epoch else 0


def keep_scaler(optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
    """Record the state of ``scaler`` if it is enabled."""
    if scaler.is_enabled():
        optimizer.param_groups[0][SCALER] = scaler.state_dict()


def restore_scaler(optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
    """Restore ``scaler`` to the state of a resumed checkpoint, if any."""
    state = optimizer.param_groups[0].get(SCALER)
    if state and scaler.is_enabled():
        scaler.load_state_dict(state)


def improved(optimizer: torch.optim.Optimizer, name: str, value: float) -> bool:
    """Whether ``value`` is the highest so far of the metric ``name``; records it if so."""
    best = optimizer.param_groups[0].get(BEST)
    if best and best["name"] == name and best["value"] >= value:
        return False
    optimizer.param_groups[0][BEST] = {"name": name, "value": value}
    return True
