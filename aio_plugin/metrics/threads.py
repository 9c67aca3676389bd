"""Rows shared out among threads that compute each by itself.

torch's own way, threads that meet after every operation, is the slower one where operations are short or the
processor has something else to do: the fastest thread waits for the slowest every time.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch


def in_shares(count: int, work: Callable[[slice], object]) -> None:
    """Call ``work`` with slices that make up ``range(count)``, in as many threads as torch would use.

    What ``work`` raises is raised.
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
    """Threads in which torch uses no further ones; they are kept, as MKL keeps memory for every thread it has seen."""
    pool = ThreadPoolExecutor(threads, "ranking", initializer=_alone)
    everyone = threading.Barrier(threads)
    list(pool.map(lambda _: everyone.wait(), range(threads)))
    torch.set_num_threads(threads)  # a thread's own number is also what later threads begin with
    return pool


def _alone() -> None:
    torch.get_num_threads()  # a thread takes over the number of all at its first question, over one set before
    torch.set_num_threads(1)


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
