"""One step of optimisation on a batch: by one process or several, at once or in parts."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import AIOError, ConfigError, HostError
from ..losses.criterion import LossWeights, total_loss
from ..losses.shards import Shard
from ..modality import MISSING, MODALITIES, Batch
from . import batch_norm, distributed
from .optimisation import autocast
from .randomness import mix
from .sampler import rows_of

Outputs = dict[str, Tensor]


@dataclass(frozen=True)
class StepOptions:
    """The options of a step.

    Attributes:
        weights, smoothing: of the losses.
        seed: train.seed.
        precision: of autocast; float32 means none.
        copies: items of one person in a batch, which are neighbours.
        accumulate: parts that a process divides its batch into.
        clip_norm: largest norm of the gradient; 0 = no limit.
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

    With several processes the model is wrapped in DistributedDataParallel, every process contributes its part of
    the global batch, and loss, gradient and update are those of the global batch. Random numbers of the model are
    drawn for the global batch by every process.

    In parts (``accumulate``) a batch goes through the model twice: without a graph, for the loss and its
    gradient with respect to the model's outputs, and part by part with one. So the losses that compare items compare
    those of all parts; only batch statistics are those of one part. It costs another forward pass and
    saves the activations of all parts but one (Gao et al. 2021, https://arxiv.org/abs/2101.06983).

    Args:
        model: the bare model.
        parallel: called in its place in a single process, such as a DataParallel around it.
        scaler: of the loss; enabled for fp16 only.

    Raises:
        HostError: from a step: the loss or its gradient is not finite, or memory ran out.
    """

    def __init__(
        self,
        model: nn.Module,
        parallel: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        options: StepOptions,
    ) -> None:
        self.model, self.optimizer, self.scaler, self.options = model, optimizer, scaler, options
        self.synced = distributed.world_size() > 1 and options.batch_norm == "sync"
        if self.synced:
            batch_norm.synchronise(model)
        self.parallel = parallel if distributed.world_size() == 1 else _distributed(model)
        ignored = getattr(model, "_ddp_params_and_buffers_to_ignore", ())
        self.own = {id(p) for name, p in model.named_parameters() if name in ignored}  # no other rank has their rows
        self._position: tuple[int, int, Sequence[str]] = 0, 0, ()

    def __call__(self, batch: Batch, epoch: int, index: int) -> dict[str, float]:
        """One step, the 0-based ``index``-th of ``epoch``; returns every loss term."""
        self._position = epoch, index, batch.get("impath", ())
        self.optimizer.zero_grad(set_to_none=True)
        seed = mix(self.options.seed, epoch, index)
        with out_of_memory_explained("train.batch_size, or raise aio.train.accumulate"):
            parts = self._parts(batch)
            summary = self._backward(parts[0], seed) if len(parts) == 1 else self._backward_in_parts(parts, seed)
        self._clip_gradients()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.options.batch_norm == "local":
            batch_norm.average_statistics(self.model)
        return summary

    def _parts(self, batch: Batch) -> list[Batch]:
        """The parts of this rank's batch, each with ``present`` of the global batch and its rows there."""
        number, world, copies = self.options.accumulate, distributed.world_size(), self.options.copies
        if number == world == 1:
            return [batch]
        present, parts = batch["present"], []
        persons = len(present) // copies
        rows = [torch.tensor(rows_of(k, world, persons * world, copies), device=present.device) for k in range(world)]
        gathered = Shard.here(0).gathered(present, [len(present)] * world)
        whole = torch.empty_like(gathered).index_copy(0, torch.cat(rows), gathered)
        some = (whole != MISSING).any(0).tolist() if self.synced else []
        for k in range(number):
            items = rows_of(k, number, persons, copies)
            part = Batch(batch) if number == 1 else batch.taken(items)
            part["whole"], part["rows"] = whole, rows[distributed.rank()][items]
            if self.synced:
                part["everywhere"] = tuple(m for m in MODALITIES if m.is_image and some[m.index])
            parts.append(part)
        return parts

    def _forward(self, model: nn.Module, part: Batch, seed: int, number: int = 0) -> Outputs:
        """The outputs for a part; draws that differ between items of different parts come from a GPU's generator."""
        torch.manual_seed(seed)
        stream = distributed.rank() * self.options.accumulate + number
        if stream and part["present"].is_cuda:
            torch.cuda.manual_seed(mix(seed, stream))
        with autocast(part["present"].device.type, self.options.precision):
            outputs: Outputs = model(part)
        return outputs

    def _loss(self, outputs: Outputs) -> tuple[Tensor, dict[str, float]]:
        loss, summary = total_loss(outputs, self.options.weights, self.options.smoothing)
        terms = [f"{name} is {value}" for name, value in summary.items() if not math.isfinite(value)]
        if terms:
            raise self._diverged(", ".join(reversed(terms)))
        if not loss.requires_grad:
            raise ConfigError(
                "No layer that is open for training takes part in the loss of this batch; add layers to "
                "train.open_layers, or set train.fixbase_epoch to 0."
            )
        return self.scaler.scale(loss), summary

    def _backward(self, batch: Batch, seed: int) -> dict[str, float]:
        loss, summary = self._loss(self._forward(self.parallel, batch, seed))
        loss.backward()
        return summary

    def _backward_in_parts(self, parts: Sequence[Batch], seed: int) -> dict[str, float]:
        with batch_norm.kept_statistics(self.model), torch.no_grad():
            outputs = [self._forward(self.model, part, seed, number) for number, part in enumerate(parts)]
        joined = _join_outputs(outputs)
        loss, summary = self._loss(joined)
        loss.backward()
        for number, (part, gradients) in enumerate(zip(parts, _split_gradients(joined, outputs), strict=True)):
            last = number == len(parts) - 1
            parallel = self.parallel
            with nullcontext() if last or not isinstance(parallel, DistributedDataParallel) else parallel.no_sync():
                again = self._forward(parallel, part, seed, number)
                keys = [key for key in gradients if again[key].requires_grad]
                torch.autograd.backward([again[key] for key in keys], [gradients[key] for key in keys])
        return summary

    def _clip_gradients(self) -> None:
        """Scale the gradient down to ``clip_norm``; raise HostError if its norm is not finite."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm, largest = self._norm(parameters) / self.scaler.get_scale(), self.options.clip_norm
        if not math.isfinite(norm):
            if not self.scaler.is_enabled():
                raise self._diverged(f"The norm of the gradient is {norm}")
            parameters[0].grad.fill_(torch.inf)  # the scaler skips the step on every rank, not just on one
        elif largest and norm > largest:
            for parameter in parameters:
                parameter.grad.mul_(largest / norm)

    def _norm(self, parameters: Sequence[Any]) -> float:
        """Norm of the whole gradient, including the rows of other ranks."""
        total = _squared_norm([p.grad for p in parameters if id(p) not in self.own], torch.zeros(()))
        if self.own:
            own = _squared_norm([p.grad for p in parameters if id(p) in self.own], total)
            total = total + Shard.here(0).summed(own)
        return float(total.sqrt())

    def _diverged(self, reason: str) -> HostError:
        """The error that names where training was; collective."""
        epoch, index, paths = self._position
        files = [path for each in distributed.all_gather(list(map(str, paths))) for path in each]
        return HostError(
            f"{reason} at epoch {epoch + 1}, step {index + 1}; the weights are those of the step before. Lower "
            "train.lr, set aio.train.clip_norm or set aio.train.precision to fp32, and continue from the last "
            f"checkpoint with model.resume. Files of the batch: {', '.join(files)}"
        )


@contextmanager
def out_of_memory_explained(settings: str) -> Iterator[None]:
    """Turns out-of-memory errors of the block into a HostError that says which ``settings`` to lower."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        known = ("can't allocate memory", "not enough memory", "out of memory")  # torch's, on a CPU and on a GPU
        of_memory = isinstance(error, MemoryError) or any(words in str(error) for words in known)
        if isinstance(error, AIOError) or not of_memory:
            raise
        raise HostError(
            f"Out of memory ({(str(error) or 'MemoryError').splitlines()[0]}). Lower {settings}; data.height and "
            "data.width, and the size of the encoder, count too."
        ) from error


def _distributed(model: nn.Module) -> DistributedDataParallel:
    """``model`` with gradients that are averaged over the ranks.

    Buffers are not synchronised: the encoder's weights are buffers and the same everywhere, and running
    statistics are handled by aio_plugin.training.batch_norm. A rank may lack a modality, and so not use
    its tokenizer. Gradients travel in a process group of their own: batch normalisation communicates during
    backward too, and the order of the two may differ between ranks.
    """
    group = torch.distributed.new_group(timeout=distributed.TIMEOUT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch >= 2.13 has another word for broadcast_buffers
        return DistributedDataParallel(model, process_group=group, broadcast_buffers=False, find_unused_parameters=True)


def _squared_norm(gradients: Sequence[Tensor], zero: Tensor) -> Tensor:
    squares = [torch.linalg.vector_norm(gradient.float()).square() for gradient in gradients]
    return torch.stack(squares).sum() if squares else torch.zeros_like(zero)


def _join_outputs(parts: Sequence[Outputs]) -> Outputs:
    """The outputs of all parts as leaves, rows after rows."""
    keys = dict.fromkeys(key for outputs in parts for key in outputs)
    joined = {key: torch.cat([outputs[key] for outputs in parts if key in outputs]) for key in keys}
    return {key: value.requires_grad_(value.is_floating_point()) for key, value in joined.items()}


def _split_gradients(joined: Outputs, parts: Sequence[Outputs]) -> list[Outputs]:
    """The gradients of :func:`_join_outputs`, part by part."""
    gradients: list[Outputs] = [{} for _ in parts]
    for key, value in joined.items():
        if value.grad is None:
            continue
        numbers = [number for number, outputs in enumerate(parts) if key in outputs]
        pieces = value.grad.split([len(parts[number][key]) for number in numbers])
        for number, piece in zip(numbers, pieces, strict=True):
            gradients[number][key] = piece
    return gradients
