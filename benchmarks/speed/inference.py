"""Milliseconds of one query, by the number of its modalities (AIO's table 9)."""

from __future__ import annotations

from typing import Any

from aio_plugin.models.aio import FOUR

from .meter import in_turn, median
from .problem import SIZES, make_batch, only
from .ways import OURS, PLAIN, make, retrieval

PAPER = {1: 10.23, 2: 47.66, 4: 181.32}
"""AIO's table 9, milliseconds."""


def inference(name: str, runs: int) -> dict[str, Any]:
    """Of one query at a time, and of the size's batch of them, by ours and the plain one."""
    size = SIZES[name]
    found: dict[str, Any] = {"paper_ms": PAPER}
    for queries in (1, size.batch):
        batch = make_batch(size, queries)
        kinds = {number: only(batch, FOUR[:number]) for number in range(1, len(FOUR) + 1)}
        calls = {}
        for way in (OURS, PLAIN):
            features = retrieval(make(way, size), size)  # type: ignore[arg-type]
            for number, kind in kinds.items():
                calls[f"{way} {number}"] = lambda _, run=features, kind=kind: run(kind)
        times = in_turn(calls, runs, size.device)
        found[f"queries_{queries}"] = {
            way: {number: round(1000 * median(times[f"{way} {number}"]) / queries, 4) for number in kinds}
            for way in (OURS, PLAIN)
        }
    return found
