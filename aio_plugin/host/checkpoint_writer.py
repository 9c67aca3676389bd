"""The files that training leaves: torchreid's checkpoints, the last one, the best one."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ..evaluation.score import Result
from ..training import distributed
from ..training.checkpoint import improved, keep_scaler, save_atomically, set_progress

LAST, EARLIER, BEST = "last.pth.tar", "last.pth.tar.earlier", "model-best.pth.tar"
METRICS = {"mAP": lambda found: found.mAP, "rank-1": lambda found: found.rank(1), "mINP": lambda found: found.mINP}
"""What ``aio.train.select_metric`` can be."""


class CheckpointWriter:
    """Writes checkpoints, whole or not at all; rank 0 alone does.

    A state dict may be put together from all ranks, so every rank has to ask for it.
    """

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: Any, scaler: torch.amp.GradScaler
    ) -> None:
        self.model, self.optimizer, self.scheduler, self.scaler = model, optimizer, scheduler, scaler

    def note(self, epoch: int, step: int) -> None:
        """Training has done ``epoch`` epochs, and ``step`` steps of the next."""
        set_progress(self.optimizer, epoch, step)
        keep_scaler(self.optimizer, self.scaler)

    def save(self, epoch: int, rank1: float, folder: Path, best: bool) -> None:
        """torchreid's checkpoint after ``epoch`` epochs, without numpy scalars (torch >= 2.6 refuses them)."""
        path = folder / "model" / f"model.pth.tar-{epoch}"
        state = self._state(epoch, rank1)
        if distributed.is_main():
            save_atomically(state, path)
            print(f'Checkpoint saved to "{path}"')
            if best:
                save_atomically(state, path.with_name(BEST))

    def save_last(self, epoch: int, folder: Path) -> None:
        """What a resumed run goes on from."""
        state = self._state(epoch, 0.0)
        if distributed.is_main():
            save_atomically(state, folder / "model" / LAST)

    def is_best(self, target: str, metric: str, found: Result | None) -> bool:
        """Whether ``found`` on ``target`` is better than all before; False without one. Notes it for later runs."""
        if found is None:
            return False
        value = METRICS[metric](found)
        best = improved(self.optimizer, f"{metric} on {target}", value)
        if best:
            print(f"Best {metric} on {target} so far: {value:.1%}")
        return best

    def restarted(self, folder: Path, start_epoch: int, resumed: bool) -> int:
        """The epoch to start at: that of the last checkpoint if torchrun restarted the processes, else ``start_epoch``.

        A last checkpoint that exists before torchrun's first attempt is of an earlier run and is renamed.

        Args:
            resumed: whether ``model.resume`` is set; then ``start_epoch`` is right.
        """
        if distributed.is_main():
            _tidy(folder / "model")
        attempt, last = distributed.restarts(), folder / "model" / LAST
        if attempt is None or resumed or not distributed.from_main(last.is_file()):
            return start_epoch
        if attempt == 0:
            if distributed.is_main():
                last.replace(last.with_name(EARLIER))
                print(f'=> "{last}" is of an earlier run; kept as {EARLIER}. To go on from it, set model.resume')
            return start_epoch
        print(f'=> Restart {attempt}: going on from "{last}"')
        tools: ModuleType = sys.modules["torchreid"].utils
        return int(tools.resume_from_checkpoint(str(last), self.model, self.optimizer, self.scheduler))

    def _state(self, epoch: int, rank1: float) -> dict[str, Any]:
        state = {
            "state_dict": self.model.state_dict(),
            "epoch": epoch,
            "rank1": float(rank1),
            "optimizer": self.optimizer.state_dict(),
        }
        if self.scheduler is not None:
            state["scheduler"] = self.scheduler.state_dict()
        return state


def _tidy(folder: Path) -> None:
    """Remove checkpoints that a killed run was writing."""
    for half in folder.glob(".*.pth.tar*.tmp"):
        half.unlink(missing_ok=True)
