"""Training: throughput, memory, share of the ceiling, scaling, and where the time goes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from . import flops
from .meter import Memory, in_turn, median
from .problem import SIZES, Size, make_batch, make_model
from .ways import TRAINED, Trainer, make

ROOT = Path(__file__).parents[2]
TOP = 15
PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "convolution", "_convolution", "mkldnn_convolution", "cudnn_convolution")
PRODUCTS_BEGIN = (
    "convolution_backward",
    "_scaled_dot_product",
    "_flash_attention",
    "_efficient_attention",
    "_varlen_attn",
)


def compare(name: str, ways: Sequence[str], runs: int) -> dict[str, Any]:
    """Throughput and memory of every way at the size's batch."""
    size = SIZES[name]
    batch = make_batch(size, size.batch)
    trainers = {way: Trainer(make(way, size), size) for way in ways}
    times = in_turn({way: lambda seed, t=t: t.step(batch, seed) for way, t in trainers.items()}, runs, size.device)
    del trainers
    model = make_model(size)
    table = {}
    for way, spent in times.items():
        needed = [flops.of_step(model, batch, seed, trained=way == TRAINED) for seed in range(runs)]
        tokens = [sum(each.tokens for each in flops.sequences(model, batch, seed)) for seed in range(runs)]
        table[way] = {
            "seconds": median(spent),
            "runs": [float(f"{each:.5g}") for each in spent],
            "persons_per_second": median([size.batch / each for each in spent]),
            "tokens_per_second": median([n / each for n, each in zip(tokens, spent, strict=True)]),
            "flops_per_second": median([n / each for n, each in zip(needed, spent, strict=True)]),
            "memory_mib": memory_in_a_process(name, way),
        }
    return table


def scaling(name: str, ways: Sequence[str], runs: int) -> list[dict[str, Any]]:
    """Persons per second by batch and by image size; null where the memory did not do."""
    size, rows = SIZES[name], []
    sizes = [(n, size.image) for n in size.batches] + [(size.batch, i) for i in size.images if i != size.image]
    for persons, image in sizes:
        row: dict[str, Any] = {"persons": persons, "image": list(image)}
        model, batch = make_model(size, image), make_batch(size, persons, image)
        row["tokens_a_person"] = sum(each.tokens for each in flops.sequences(model, batch, 0)) / persons
        del model
        for way in ways:
            row[way] = _throughput(way, replace(size, image=image), batch, persons, runs)
        rows.append(row)
    return rows


def profile_of(name: str, way: str) -> dict[str, Any]:
    """The operations that took the most of a step, and the share of matrix products, convolutions and attention."""
    size = SIZES[name]
    trainer, batch = Trainer(make(way, size), size), make_batch(size, size.batch)
    for seed in range(2):
        trainer.step(batch, seed)
    cuda = size.device == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with profile(activities=activities) as found:
        trainer.step(batch, 2)
        if cuda:
            torch.cuda.synchronize()
    key = "self_device_time_total" if cuda else "self_cpu_time_total"
    events = [event for event in found.key_averages() if getattr(event, key) > 0 and _is_operation(event, cuda)]
    total = sum(getattr(event, key) for event in events)
    events.sort(key=lambda event: -getattr(event, key))
    products = sum(getattr(event, key) for event in events if _is_product(event.key))
    top = [{"name": e.key, "share": round(getattr(e, key) / total, 4), "calls": e.count} for e in events[:TOP]]
    return {"milliseconds": round(total / 1000, 1), "matrix_products": round(products / total, 4), "top": top}


def memory_in_a_process(name: str, way: str) -> float | None:
    """MiB that a step takes at the most, model and optimiser included, in a fresh process; None = too much."""
    line = [sys.executable, "-W", "ignore", "-m", "benchmarks.speed", "--size", name, "--memory-of", way]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stderr}\nMeasuring the memory of {way} failed.")
    found: float | None = json.loads(done.stdout.splitlines()[-1])
    return found


def memory(name: str, way: str) -> float | None:
    """As :func:`memory_in_a_process`, in this one; on a CPU less what the model takes before it trains."""
    size = SIZES[name]
    warm = Trainer(make(way, size), size)  # libraries and threads take their own memory once
    warm.step(make_batch(size, 2), 0)
    del warm
    batch = make_batch(size, size.batch)
    try:
        with Memory(size.device) as found:
            trainer = Trainer(make(way, size), size)
            for seed in range(3):
                trainer.step(batch, seed)
    except torch.OutOfMemoryError:
        return None
    return round(found.peak, 1)


def _throughput(way: str, size: Size, batch: Any, persons: int, runs: int) -> float | None:
    try:
        trainer = Trainer(make(way, size, size.image), size)
        spent = in_turn({way: lambda seed: trainer.step(batch, seed)}, runs, size.device)[way]
    except torch.OutOfMemoryError:
        return None
    return median([persons / each for each in spent])


def _is_product(name: str) -> bool:
    name = name.rpartition("::")[2]
    return name in PRODUCTS or name.startswith(PRODUCTS_BEGIN)


def _is_operation(event: Any, cuda: bool) -> bool:
    """Whether time is counted here and not a second time, as that of a kernel."""
    return not cuda or event.device_type == torch.autograd.DeviceType.CPU
