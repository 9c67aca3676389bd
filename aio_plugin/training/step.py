"""One step of optimisation on a batch of bundles: by one process or several, at once or in parts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import AIOError, HostError
from ..losses.criterion import LossWeights, total_loss
from ..losses.shards import Shard
from ..modality import MISSING, MODALITIES, Batch, Modality
from . import batch_norm, distributed
from .precision import autocast
from .randomness import mix
from .sampler import rows_of

Outputs = dict[str, Tensor]


@dataclass(frozen=True)
class Settings:
    """What a step goes by.

    Attributes:
        weights, smoothing: of the losses.
        seed: train.seed.
        precision: of autocast; float32 means none.
        copies: bundles of a person in a batch, which stand together.
        accumulate: parts that a process takes its batch in.
        clip_norm: largest norm of the gradient; 0 = any.
        batch_norm: "sync" or "local".
    """

    weights: LossWeights
    smoothing: float = 0.0
    seed: int = 1
    precision: torch.dtype = torch.float32
    copies: int = 1
    accumulate: int = 1
    clip_norm: float = 0.0
    batch_norm: str = "sync"


class Step:
    """Forward, loss, backward, update.

    With several processes the model is wrapped in DistributedDataParallel, every process brings its part of
    the global batch, and loss, gradient and update are those of the global batch. What the model draws at
    random is drawn for the global batch everywhere.

    In parts (``accumulate``) a batch goes through the model twice: without a graph, for the loss and its
    gradient in the model's outputs, and part by part with one. So the losses that compare items compare
    those of all parts; batch statistics alone are those of a part. It costs another forward pass and
    saves the activations of all parts but one (Gao et al. 2021, https://arxiv.org/abs/2101.06983).

    Args:
        model: the bare model.
        parallel: what to call in its place in a single process, such as a DataParallel around it.
        scaler: of the loss; disabled but for fp16.

    Raises:
        HostError: while stepping: the loss or its gradient is no number, or memory ran out.
    """

    def __init__(
        self,
        model: nn.Module,
        parallel: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        settings: Settings,
    ) -> None:
        self.model, self.optimizer, self.scaler, self.settings = model, optimizer, scaler, settings
        self.synced = distributed.world_size() > 1 and settings.batch_norm == "sync"
        if self.synced:
            batch_norm.synchronise(model)
        self.parallel = parallel if distributed.world_size() == 1 else _distributed(model)
        ignored = getattr(model, "_ddp_params_and_buffers_to_ignore", ())
        self.own = {id(p) for name, p in model.named_parameters() if name in ignored}  # no other rank has their rows

    def __call__(self, batch: Batch, epoch: int, index: int) -> dict[str, float]:
        """One step, the 0-based ``index``-th of ``epoch``; returns every loss term."""
        self.optimizer.zero_grad(set_to_none=True)
        seed = mix(self.settings.seed, epoch, index)
        with memory_named("train.batch_size, or raise aio.train.accumulate"):
            parts = self._parts(batch)
            backward = self._at_once if len(parts) == 1 else self._in_parts
            summary = backward(parts, seed, _Place(epoch, index, batch))
        self._update(_Place(epoch, index, batch))
        return summary

    def _parts(self, batch: Batch) -> list[Batch]:
        number, world, copies = self.settings.accumulate, distributed.world_size(), self.settings.copies
        if number == world == 1:
            return [batch]
        whole, rows = self._whole(batch, world, copies)
        persons = len(rows) // copies
        return [self._part(batch, rows_of(k, number, persons, copies), whole, rows) for k in range(number)]

    def _whole(self, batch: Batch, world: int, copies: int) -> tuple[Tensor, Tensor]:
        """``present`` of the global batch, and the rows of this rank's items there."""
        present = batch["present"]
        persons = len(present) // copies * world
        rows = [torch.tensor(rows_of(rank, world, persons, copies), device=present.device) for rank in range(world)]
        found = Shard.here(0).gathered(present, [len(present)] * world)
        whole = torch.empty_like(found).index_copy(0, torch.cat(rows), found)
        return whole, rows[distributed.rank()]

    def _part(self, batch: Batch, items: Sequence[int], whole: Tensor, rows: Tensor) -> Batch:
        if len(items) < len(rows):
            batch = batch.taken(items)
            rows = rows[torch.tensor(items, device=rows.device)]
        part = Batch({**batch, "whole": whole, "rows": rows})
        if self.synced:
            part["everywhere"] = self._images_in(whole)
        return part

    def _images_in(self, whole: Tensor) -> tuple[Modality, ...]:
        """Image modalities that some rank has."""
        some = (whole != MISSING).any(0).tolist()
        return tuple(m for m in MODALITIES if m.is_image and some[m.index])

    def _forward(self, model: nn.Module, part: Batch, seed: int, number: int = 0) -> Outputs:
        """The outputs for a part; draws that differ between items of different parts come from a GPU's generator."""
        torch.manual_seed(seed)
        which = distributed.rank() * self.settings.accumulate + number
        if which and part["present"].is_cuda:
            torch.cuda.manual_seed(mix(seed, which))
        with autocast(part["present"].device.type, self.settings.precision):
            found: Outputs = model(part)
        return found

    def _loss(self, outputs: Outputs, place: _Place) -> tuple[Tensor, dict[str, float]]:
        loss, summary = total_loss(outputs, self.settings.weights, self.settings.smoothing)
        wrong = [name for name, value in summary.items() if not _finite(value)]
        if wrong:
            raise HostError(place.explain(f"{', '.join(f'{name} is {summary[name]}' for name in reversed(wrong))}"))
        return self.scaler.scale(loss), summary

    def _at_once(self, parts: Sequence[Batch], seed: int, place: _Place) -> dict[str, float]:
        loss, summary = self._loss(self._forward(self.parallel, parts[0], seed), place)
        loss.backward()
        return summary

    def _in_parts(self, parts: Sequence[Batch], seed: int, place: _Place) -> dict[str, float]:
        with batch_norm.kept_statistics(self.model), torch.no_grad():
            found = [self._forward(self.model, part, seed, number) for number, part in enumerate(parts)]
        joined = _joined(found)
        loss, summary = self._loss(joined, place)
        loss.backward()
        gradients = _split(joined, found)
        for number, part in enumerate(parts):
            with self._unshared(number < len(parts) - 1):
                outputs = self._forward(self.parallel, part, seed, number)
                learning = [key for key in gradients[number] if outputs[key].requires_grad]
                torch.autograd.backward([outputs[k] for k in learning], [gradients[number][k] for k in learning])
        return summary

    def _unshared(self, unshared: bool) -> AbstractContextManager[None]:
        if unshared and isinstance(self.parallel, DistributedDataParallel):
            return self.parallel.no_sync()
        return nullcontext()

    def _update(self, place: _Place) -> None:
        self._mind_the_norm(place)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.settings.batch_norm == "local":
            batch_norm.average_statistics(self.model)

    def _mind_the_norm(self, place: _Place) -> None:
        """Clip the gradient; with one that is no number, stop before it is in the weights."""
        gradients = [p.grad for p in self._learning()]
        norm, most = self._norm() / self.scaler.get_scale(), self.settings.clip_norm
        if not _finite(norm):
            if not self.scaler.is_enabled():
                raise HostError(place.explain(f"The norm of the gradient is {norm}"))
            gradients[0].fill_(torch.inf)  # the scaler skips the step on every rank, not just on one
        elif most and norm > most:
            for gradient in gradients:
                gradient.mul_(most / norm)

    def _learning(self) -> list[Any]:
        """Parameters that have a gradient."""
        return [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]

    def _norm(self) -> float:
        """Norm of the whole gradient, rows of other ranks included."""
        shared = [_square(p.grad) for p in self._learning() if id(p) not in self.own]
        total = torch.stack(shared).sum() if shared else torch.zeros(())
        if self.own:
            own = [_square(p.grad) for p in self._learning() if id(p) in self.own]
            total = total + Shard.here(0).summed(torch.stack(own).sum() if own else torch.zeros_like(total))
        return float(total.sqrt())


@dataclass(frozen=True)
class _Place:
    """Where training stood when something went wrong."""

    epoch: int
    step: int
    batch: Batch

    def explain(self, what: str) -> str:
        files = [str(path) for paths in distributed.all_gather(list(map(str, self.batch["impath"]))) for path in paths]
        return (
            f"{what} at epoch {self.epoch + 1}, step {self.step + 1}; the weights are those of the step before. Lower "
            "train.lr, set aio.train.clip_norm or set aio.train.precision to fp32, and go on from the last checkpoint "
            f"with model.resume. Files of the batch: {', '.join(files)}"
        )


@contextmanager
def memory_named(settings: str) -> Iterator[None]:
    """Turns out-of-memory errors of the block into a HostError that says which ``settings`` to lower."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        raise HostError(
            f"Out of memory ({(str(error) or 'MemoryError').splitlines()[0]}). Lower {settings}; data.height and "
            "data.width, and the size of the encoder, count too."
        ) from error


def _is_of_memory(error: Exception) -> bool:
    words = ("can't allocate memory", "not enough memory", "out of memory")  # torch's, on a CPU and on a GPU
    if isinstance(error, RuntimeError):
        return not isinstance(error, AIOError) and any(word in str(error) for word in words)
    return True


def _square(gradient: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(gradient.float())
    return norm.square()


def _finite(number: float) -> bool:
    return number - number == 0


def _distributed(model: nn.Module) -> DistributedDataParallel:
    """``model`` with gradients that are averaged over the ranks.

    Buffers are left alone: the encoder's weights are buffers and the same everywhere, and running
    statistics are seen to by aio_plugin.training.batch_norm. A rank may lack a modality, and so a use for
    its tokenizer. Its gradients travel in a group of their own, for batch normalisation talks during
    backward too, and the two need not take turns alike on all ranks.
    """
    group = torch.distributed.new_group(timeout=distributed.TIMEOUT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch >= 2.13 has another word for broadcast_buffers
        return DistributedDataParallel(model, process_group=group, broadcast_buffers=False, find_unused_parameters=True)


def _joined(found: Sequence[Outputs]) -> Outputs:
    """The outputs of all parts as leaves, rows after rows."""
    keys: dict[str, Any] = {key: None for outputs in found for key in outputs}
    joined = {key: torch.cat([outputs[key] for outputs in found if key in outputs]) for key in keys}
    return {key: value.requires_grad_(value.is_floating_point()) for key, value in joined.items()}


def _split(joined: Outputs, found: Sequence[Outputs]) -> list[Outputs]:
    """The gradients of :func:`_joined`, part by part."""
    gradients: list[Outputs] = [{} for _ in found]
    for key, value in joined.items():
        holders = [number for number, outputs in enumerate(found) if key in outputs]
        if value.grad is not None:
            pieces = value.grad.split([len(found[number][key]) for number in holders])
            for number, piece in zip(holders, pieces, strict=True):
                gradients[number][key] = piece
    return gradients
