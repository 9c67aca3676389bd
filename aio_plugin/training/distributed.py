"""Training in several processes started by torchrun: ranks, the process group, and collectives.

torchrun passes rank and world size in environment variables. It ends all processes when one dies, and with
``--max-restarts`` starts them again.
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

TIMEOUT = datetime.timedelta(hours=2)
"""How long a process waits for another. torchrun notices a dead process at once; long waits come from ranking a large
gallery on rank 0."""

RESTARTS = "TORCHELASTIC_RESTART_COUNT"
ATTEMPTS = "aio_attempts"

_attempt: int | None = None


def is_launched() -> bool:
    """Whether this is one of several processes that torchrun started."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def restart_count() -> int | None:
    """How often torchrun has restarted the processes, the same on every rank; None without torchrun."""
    count = os.environ.get(RESTARTS) if _attempt is None else _attempt
    return None if count is None else int(count)


def rank() -> int:
    """Number of this process; 0 if there is only one."""
    return dist.get_rank() if _started() else 0


def world_size() -> int:
    """Number of processes."""
    return dist.get_world_size() if _started() else 1


def is_main() -> bool:
    """Whether this is the process that prints and writes files."""
    return rank() == 0


@contextmanager
def process_group() -> Iterator[None]:
    """Connect the processes that torchrun started, by NCCL between GPUs and gloo between CPUs.

    On CUDA, device LOCAL_RANK becomes the current one. Without torchrun, or with one process, do nothing.

    Raises:
        HostError: a process has no GPU of its own, or lost its connection to another one.
    """
    if not is_launched() or _started():
        yield
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    backend = "gloo"
    if torch.cuda.is_available():
        if local >= torch.cuda.device_count():
            raise HostError(
                f"Process {local} of this machine has no GPU of its own: there are {torch.cuda.device_count()}. Lower "
                "torchrun's --nproc_per_node, or set CUDA_VISIBLE_DEVICES to an empty value to train on the CPU."
            )
        torch.cuda.set_device(local)
        backend = "cpu:gloo,cuda:nccl"
    _connect(backend)
    try:
        yield
        dist.barrier()  # rank 0 may still be writing
    except RuntimeError as error:
        lost = isinstance(error, dist.DistError) or "gloo" in str(error) or "Connection closed by peer" in str(error)
        if isinstance(error, AIOError) or not lost:
            raise
        raise HostError(
            f"Rank {rank()} lost its connection to another process ({str(error).splitlines()[0]}), which has died: "
            "see the first error above, or the system's log if it was killed for lack of memory. Start again with "
            "model.resume, or run torchrun with --max-restarts."
        ) from error
    dist.destroy_process_group()  # not after an error: others may be waiting until torchrun ends all


def _connect(backend: str) -> None:
    """Start torch.distributed with keys of this attempt only.

    torchrun keeps one store for all attempts, in which torch would find the addresses of dead processes. The count of
    restarts cannot tell attempts apart, as each machine counts its own; so rank 0 draws a name and announces it.
    """
    global _attempt
    store, number, count = next(rendezvous("env://", timeout=TIMEOUT))
    name = _announce_attempt(store, count) if number == 0 else _join_attempt(store, number)
    dist.init_process_group(backend, store=PrefixStore(name, store), rank=number, world_size=count, timeout=TIMEOUT)
    if RESTARTS in os.environ:
        before = store.add(ATTEMPTS, 1) - 1 if number == 0 else 0
        _attempt = max(all_gather(max(before, int(os.environ[RESTARTS]))))


def _announce_attempt(store: Any, count: int) -> str:
    """Rank 0: answer every request with a new name for this attempt, until all living processes have it."""
    name = uuid.uuid4().hex
    missing = set(range(1, count))
    while missing:
        for number in list(missing):
            if store.check([f"aio_request/{number}"]):
                store.set(f"aio_reply/{store.get(f'aio_request/{number}').decode()}", name)
            if store.check([f"aio_received/{name}/{number}"]):
                missing.remove(number)
        time.sleep(0.05)
    return name


def _join_attempt(store: Any, number: int) -> str:
    """Other ranks: request the name of this attempt and wait for it."""
    caller = uuid.uuid4().hex
    store.set(f"aio_request/{number}", caller)
    name: str = store.get(f"aio_reply/{caller}").decode()
    store.set(f"aio_received/{name}/{number}", "")
    return name


def require_group() -> None:
    """Raise HostError if torchrun started this process, but it is not connected to the others."""
    if is_launched() and not _started():
        raise HostError(
            "torchrun started several processes, but the script does not connect them. Start it by `torchrun ... -m "
            "aio_plugin run SCRIPT ...`, or call torch.distributed.init_process_group first."
        )


def broadcast(value: Any) -> Any:
    """The ``value`` of rank 0, on every rank; collective."""
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, device=torch.device("cpu"))
    return box[0]


def all_gather(value: Any) -> list[Any]:
    """The ``value`` of every rank, in their order; collective."""
    if world_size() == 1:
        return [value]
    box: list[Any] = [None] * world_size()
    dist.all_gather_object(box, value)
    return box


def gather_rows(rows: Tensor | None, places: Sequence[Sequence[int]]) -> Tensor | None:
    """The rows of all ranks in one tensor (N, D) on rank 0, None on the others; collective.

    Args:
        rows: (n, D) of this rank, on the CPU; None if it has none. Rank 0 has rows if any rank has.
        places: of every rank, the indices of its rows in the result.
    """
    if not is_main():
        if rows is not None:
            dist.send(rows.contiguous(), 0)
        return None
    if rows is None or world_size() == 1:
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
