"""Seconds, memory and the ceiling of matrix products, on a CPU or a GPU."""

from __future__ import annotations

import functools
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

MIB = 1 << 20


def seconds(run: Callable[[], Any], device: str) -> float:
    """Wall time of ``run``, until the device is done with it."""
    wait(device)
    start = time.perf_counter()
    run()
    wait(device)
    return time.perf_counter() - start


def in_turn(runs: Mapping[str, Callable[[int], Any]], times: int, device: str, warm: int = 2) -> dict[str, list[float]]:
    """Seconds of every run, one after the other, ``times`` times; a run is told how often it ran before."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    gc.collect()
    for number in range(warm + times):
        for name, run in runs.items():
            spent = seconds(functools.partial(run, max(number - warm, 0)), device)
            if number >= warm:
                found[name].append(spent)
    return found


def median(values: list[float]) -> float:
    """The median, to five digits."""
    return float(f"{statistics.median(values):.5g}")


def wait(device: str) -> None:
    """Until the device has done everything."""
    if device == "cuda":
        torch.cuda.synchronize()


class Memory:
    """MiB in use at the most inside the block: allocated by torch on a GPU, else how far the process rises. Linux."""

    def __init__(self, device: str) -> None:
        self.device, self.peak = device, 0.0

    def __enter__(self) -> Memory:
        gc.collect()
        wait(self.device)
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        else:
            Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
            self.before = _status("VmRSS")
        return self

    def __exit__(self, *error: object) -> None:
        wait(self.device)
        if self.device == "cuda":
            self.peak = torch.cuda.max_memory_allocated() / MIB
        else:
            self.peak = (_status("VmHWM") - self.before) / 1024


def ceiling(device: str, dtype: torch.dtype, times: int = 5) -> float:
    """FLOP/s of the fastest of a few large matrix products: what this machine can do at most."""
    best = 0.0
    for side in (4096, 8192, 16384) if device == "cuda" else (1024, 2048):
        left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        left @ right
        repeats = 20 if device == "cuda" else 1
        spent = [seconds(lambda: [left @ right for _ in range(repeats)], device) for _ in range(times)]  # noqa: B023
        best = max(best, 2 * side**3 * repeats / min(spent))
    return best


def _status(key: str) -> int:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[key].split()[0])
