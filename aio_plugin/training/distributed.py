"""One training in several processes, as torchrun starts them: which one this is, and what they tell each other.

torchrun says by environment variables who is who, watches the processes, ends all when one dies, and with
``--max-restarts`` starts them anew.
"""

from __future__ import annotations

import datetime
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from ..errors import AIOError, HostError

PATIENCE = datetime.timedelta(hours=2)
"""How long a process waits for another. torchrun notices a dead one at once; what takes long is rank 0's ranking
of a large gallery, while the others wait."""

RESTARTS = "TORCHELASTIC_RESTART_COUNT"
ATTEMPTS = "aio_attempts"
POLL = 0.05
"""Seconds between two looks into the store."""

_attempt: int | None = None


def launched() -> bool:
    """Whether this is one of several processes that torchrun started."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def restarts() -> int | None:
    """How often torchrun has started the processes anew; None without torchrun. The same on every rank."""
    if _attempt is not None:
        return _attempt
    count = os.environ.get(RESTARTS)
    return None if count is None else int(count)


def rank() -> int:
    """Number of this process; 0 where there is one alone."""
    return dist.get_rank() if _started() else 0


def world() -> int:
    """Number of processes."""
    return dist.get_world_size() if _started() else 1


def is_main() -> bool:
    """Whether this is the process that prints and writes files."""
    return rank() == 0


@contextmanager
def process_group() -> Iterator[None]:
    """Connects the processes that torchrun started, over NCCL between GPUs and gloo between CPUs.

    On CUDA, device LOCAL_RANK becomes the current one. Without torchrun, or with one process, nothing happens.

    Raises:
        HostError: a process has no GPU of its own, or another one is lost.
    """
    if not launched() or _started():
        yield
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    backend = "gloo"
    if torch.cuda.is_available():
        if local >= torch.cuda.device_count():
            raise HostError(
                f"Process {local} of this machine needs a GPU of its own, there are {torch.cuda.device_count()}; lower "
                "torchrun's --nproc_per_node, or set CUDA_VISIBLE_DEVICES to nothing to train on the CPU."
            )
        torch.cuda.set_device(local)
        backend = "cpu:gloo,cuda:nccl"
    _connect(backend)
    try:
        yield
        dist.barrier()  # rank 0 may be writing still
    except RuntimeError as error:
        if isinstance(error, AIOError) or not _is_of_connection(error):
            raise
        raise HostError(
            f"Rank {rank()} lost its connection to another process ({str(error).splitlines()[0]}). That one has died: "
            "see the first error above, or the system's log for one killed for lack of memory. Start again with "
            "model.resume, or run torchrun with --max-restarts."
        ) from error
    dist.destroy_process_group()  # not after an error: others may be waiting, and torchrun ends us all


def _connect(backend: str) -> None:
    """Start torch.distributed on keys of this attempt's own.

    torchrun keeps one store for all attempts, in which the addresses of dead processes stand where torch looks for
    those of living ones. Each machine counts its own restarts, so that their number tells nobody which attempt this
    is; rank 0 of it does.
    """
    global _attempt
    store, number, count = next(rendezvous("env://", timeout=PATIENCE))
    name = _welcome(store, count) if number == 0 else _call(store, number)
    dist.init_process_group(backend, store=PrefixStore(name, store), rank=number, world_size=count, timeout=PATIENCE)
    if RESTARTS in os.environ:
        before = store.add(ATTEMPTS, 1) - 1 if number == 0 else 0
        _attempt = max(from_all(max(before, int(os.environ[RESTARTS]))))


def _welcome(store: Any, count: int) -> str:
    """Rank 0: give everybody who calls a new name for this attempt, till all living ones have it."""
    name = uuid.uuid4().hex
    missing = set(range(1, count))
    while missing:
        for number in list(missing):
            if store.check([f"aio_call/{number}"]):
                store.set(f"aio_welcome/{store.get(f'aio_call/{number}').decode()}", name)
            if store.check([f"aio_heard/{name}/{number}"]):
                missing.remove(number)
        time.sleep(POLL)
    return name


def _call(store: Any, number: int) -> str:
    """Other ranks: call, and wait to be answered."""
    caller = uuid.uuid4().hex
    store.set(f"aio_call/{number}", caller)
    name: str = store.get(f"aio_welcome/{caller}").decode()
    store.set(f"aio_heard/{name}/{number}", "")
    return name


def require_group() -> None:
    """Raise HostError if torchrun started this process, but nobody connected it to the others."""
    if launched() and not _started():
        raise HostError(
            "torchrun started several processes, but your script does not connect them. Start it by `torchrun ... -m "
            "aio_plugin run SCRIPT ...`, or call torch.distributed.init_process_group first."
        )


def from_main(value: Any) -> Any:
    """Rank 0's ``value``, on every rank; collective."""
    if world() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, device=torch.device("cpu"))
    return box[0]


def from_all(value: Any) -> list[Any]:
    """Every rank's ``value``, rank after rank; collective."""
    if world() == 1:
        return [value]
    box: list[Any] = [None] * world()
    dist.all_gather_object(box, value)
    return box


def rows_to_main(rows: Tensor | None, places: Sequence[Sequence[int]]) -> Tensor | None:
    """Rows (n, D) on the CPU of all ranks, in their places, on rank 0; None on the others. Collective.

    Args:
        rows: this rank's; None where it has none. Rank 0 has some if anybody has.
        places: of every rank, which rows of the whole its own are.
    """
    if not is_main():
        if rows is not None:
            dist.send(rows.contiguous(), 0)
        return None
    if rows is None or world() == 1:
        return rows
    whole = rows.new_empty(sum(map(len, places)), *rows.shape[1:])
    whole[torch.tensor(places[0])] = rows
    for sender, theirs in enumerate(places[1:], 1):
        if theirs:
            received = rows.new_empty(len(theirs), *rows.shape[1:])
            dist.recv(received, sender)
            whole[torch.tensor(theirs)] = received
    return whole


def _started() -> bool:
    return dist.is_available() and dist.is_initialized()


def _is_of_connection(error: RuntimeError) -> bool:
    text = str(error)
    return isinstance(error, dist.DistError) or "gloo" in text or "Connection closed by peer" in text
