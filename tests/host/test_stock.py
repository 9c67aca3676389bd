"""Without an AIO name torchreid does what it did, to the last bit: before, during and after a registration."""

import re
from pathlib import Path

import torch

from .helpers import same

SCRIPT = str(Path(__file__).with_name("stock_run.py"))


def _logs(printed):
    """What every run printed, without times and places."""
    printed = re.sub(
        r"(time|data) [\d.]+ \([\d.]+\)|eta [\d:]+|Elapsed .*|Speed: .*|/\S*-(softmax|triplet)/", "", printed
    )
    return {run.split("\n", 1)[0]: run.split("\n", 1)[1] for run in printed.split("RUN ")[1:]}


def test_stock_runs_are_the_same_to_the_last_bit(python, market, tmp_path):
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
