"""Rows divided among threads that work independently.

torch's own threads synchronise after every operation, which is slower where operations are short or the processor
is busy: the fastest thread waits for the slowest each time.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch


def in_shares(count: int, work: Callable[[slice], object]) -> None:
    """Call ``work`` with slices that cover ``range(count)``, in as many threads as torch would use.

    Exceptions of ``work`` propagate.
    """
    threads = torch.get_num_threads()
    share = max(1, -(-count // threads))
    slices = [slice(start, min(start + share, count)) for start in range(0, count, share)]
    if len(slices) < 2:
        for each in slices:
            work(each)
    else:
        list(_pool(threads).map(work, slices))


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads in which torch starts no further ones; kept, because MKL keeps memory for every thread it has seen."""
    pool = ThreadPoolExecutor(threads, "ranking", initializer=_alone)
    everyone = threading.Barrier(threads)
    list(pool.map(lambda _: everyone.wait(), range(threads)))
    torch.set_num_threads(threads)  # the setting of the last thread is the default of later ones
    return pool


def _alone() -> None:
    torch.get_num_threads()  # the first call in a thread copies the global number, over one set before
    torch.set_num_threads(1)


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
