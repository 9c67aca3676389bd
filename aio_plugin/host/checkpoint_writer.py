"""The checkpoints of a run: torchreid's after each test, the last one, and the best one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..encoders.files import RECORD
from ..evaluation.score import Result
from ..training import distributed
from ..training.checkpoint import improved, keep_scaler, save_atomically, set_progress
from .torchreid_import import import_torchreid

LAST, BEST = "last.pth.tar", "model-best.pth.tar"
METRICS: dict[str, Callable[[Result], float]] = {
    "mAP": attrgetter("mAP"),
    "rank-1": lambda result: result.rank(1),
    "mINP": attrgetter("mINP"),
}
"""The values of ``aio.train.select_metric``."""


class CheckpointWriter:
    """Writes checkpoints atomically, on rank 0.

    Every rank has to call :meth:`save` and :meth:`save_last`, as a state dict may be gathered from all ranks.

    Args:
        record: what checkpoints hold under the key ``aio``, see :func:`.checkpoint_record.checkpoint_record`.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scheduler: Any,
        scaler: torch.amp.GradScaler,
        record: Mapping[str, Any],
    ) -> None:
        self.model, self.optimizer, self.scheduler, self.scaler = model, optimizer, scheduler, scaler
        self.record = record

    def save(self, epoch: int, rank1: float, folder: Path, best: bool) -> None:
        """Write torchreid's checkpoint after ``epoch`` epochs, without numpy scalars, which torch >= 2.6 refuses."""
        path = folder / "model" / f"model.pth.tar-{epoch}"
        state = self._state(epoch, rank1)
        if distributed.is_main():
            save_atomically(state, path)
            print(f'Checkpoint saved to "{path}"')
            if best:
                save_atomically(state, path.with_name(BEST))

    def save_last(self, epoch: int, step: int, folder: Path) -> None:
        """Write the checkpoint to resume an interrupted run from, after ``epoch`` epochs and ``step`` steps."""
        set_progress(self.optimizer, epoch, step)
        keep_scaler(self.optimizer, self.scaler)
        state = self._state(epoch, 0.0)
        if distributed.is_main():
            save_atomically(state, folder / "model" / LAST)

    def is_best(self, target: str, metric: str, result: Result | None) -> bool:
        """Whether ``result`` on ``target`` is better than all before; False for None. Recorded for resumed runs."""
        if result is None:
            return False
        value = METRICS[metric](result)
        best = improved(self.optimizer, f"{metric} on {target}", value)
        if best:
            print(f"Best {metric} on {target} so far: {value:.1%}")
        return best

    def first_epoch(self, folder: Path, start_epoch: int, resumed: bool) -> int:
        """The epoch to start at: that of the last checkpoint if torchrun restarted the processes, else ``start_epoch``.

        Args:
            folder: of this run, see :func:`aio_plugin.host.run_folder.run_folder`.
            resumed: whether ``model.resume`` is set; then ``start_epoch`` is right.
        """
        if distributed.is_main():
            for partial in (folder / "model").glob(".*.pth.tar*.tmp"):  # of a killed run
                partial.unlink(missing_ok=True)
        attempt, last = distributed.restart_count(), folder / "model" / LAST
        if not attempt or resumed or not distributed.broadcast(last.is_file()):
            return start_epoch
        print(f'=> Restart {attempt}: resuming from "{last}"')
        resume = import_torchreid().utils.resume_from_checkpoint
        return int(resume(str(last), self.model, self.optimizer, self.scheduler))

    def _state(self, epoch: int, rank1: float) -> dict[str, Any]:
        state = {
            "state_dict": self.model.state_dict(),
            "epoch": epoch,
            "rank1": float(rank1),
            "optimizer": self.optimizer.state_dict(),
            RECORD: self.record,
        }
        if self.scheduler is not None:
            state["scheduler"] = self.scheduler.state_dict()
        return state
