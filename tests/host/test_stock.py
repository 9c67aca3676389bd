"""Without an AIO name torchreid does what it did, to the last bit: before, during and after a registration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

SCRIPT = str(Path(__file__).with_name("stock_run.py"))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _leaves(inner, f"{path}/{key}")
    else:
        yield path, value


def same(one: Any, two: Any) -> bool:
    first, second = dict(_leaves(one)), dict(_leaves(two))
    return first.keys() == second.keys() and all(
        torch.equal(value, second[key]) if isinstance(value, torch.Tensor) else value == second[key]
        for key, value in first.items()
    )


def _logs(printed: str) -> dict[str, str]:
    """What every run printed, without times and places."""
    printed = re.sub(
        r"(time|data) [\d.]+ \([\d.]+\)|eta [\d:]+|Elapsed .*|Speed: .*|/\S*-(softmax|triplet)/", "", printed
    )
    return {run.split("\n", 1)[0]: run.split("\n", 1)[1] for run in printed.split("RUN ")[1:]}


def test_stock_runs_are_the_same_to_the_last_bit(python: Callable[..., Any], market: Path, tmp_path: Path) -> None:
    logs = {}
    for hows in (("plain",), ("registered", "unregistered")):
        done = python(SCRIPT, str(market), str(tmp_path), *hows)
        assert done.returncode == 0, done.stderr
        logs.update(_logs(done.stdout))
    for loss in ("softmax", "triplet"):
        plain = torch.load(tmp_path / f"plain-{loss}" / "run.pt")
        assert len(plain["losses"]) >= 6
        assert not same(plain, {**plain, "rank1": -1.0}), "the comparison can fail"
        assert "mAP" in logs[f"plain {loss}"]
        for how in ("registered", "unregistered"):
            assert same(plain, torch.load(tmp_path / f"{how}-{loss}" / "run.pt"))
            assert logs[f"plain {loss}"] == logs[f"{how} {loss}"]
