"""Commands that are killed while they write, told to stop, run twice at once, or have no memory left: in miniature."""

import os
import resource
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml
from PIL import Image

from ..datasets.miniatures import EVERY
from ..fuzz.kinds.runs import base, merged
from .runs import LAST, REPO

pytestmark = pytest.mark.slow
STEPS = 6


@pytest.fixture
def start(tmp_path):
    """Starts a command on two datasets in miniature, in a group of its own; its output goes to a file."""
    for name in ("synth_pedes", "cuhk_pedes"):
        EVERY[name](tmp_path / "data")
    environment = {**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}

    def start(*words, steps=STEPS, **options):
        train = {"steps_per_epoch": steps, "checkpoint_every": 1}
        document = merged(base(), {"data": {"save_dir": str(tmp_path / "out")}, "aio": {"train": train}})
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(document))
        where = ["--config-file", str(tmp_path / "config.yaml"), "--root", str(tmp_path / "data")]
        line = [sys.executable, "-m", "aio_plugin", words[0], *where, *words[1:]]
        with open(tmp_path / "log", "wb") as log:
            return subprocess.Popen(
                line, env=environment, stdout=log, stderr=log, start_new_session=True, cwd=tmp_path, **options
            )

    return start


def reached(process, condition, log):
    """Wait until ``condition()`` is true; its value."""
    while not (found := condition()):
        assert process.poll() is None, log.read_text()
        time.sleep(0.001)
    return found


def ended(process, number):
    """Send a signal to a process and its workers, and wait for the end."""
    os.killpg(process.pid, number)
    return process.wait(60)


def test_killed_while_a_checkpoint_is_written(start, tmp_path):
    last, log = tmp_path / "out" / LAST, tmp_path / "log"
    process = start("main", steps=60)
    reached(process, last.exists, log)
    reached(process, lambda: list(last.parent.glob(".*.tmp")), log)
    ended(process, signal.SIGKILL)
    assert torch.load(last, weights_only=True)["epoch"] == 0
    assert start("main", "model.resume", str(last), steps=60).wait() == 0, log.read_text()
    assert not list((tmp_path / "out").rglob(".*.tmp"))
    assert (tmp_path / "out" / "results.json").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_told_to_stop(start, tmp_path, number, code):
    process = start("main", "data.workers", "1", steps=500)
    reached(process, lambda: (tmp_path / "out" / LAST).exists(), tmp_path / "log")
    assert ended(process, number) == code
    printed = (tmp_path / "log").read_text()
    assert "Traceback" not in printed
    assert number != signal.SIGINT or printed.endswith("aio-reid: interrupted\n")
    assert torch.load(tmp_path / "out" / LAST, weights_only=True)["epoch"] == 0
    assert not (tmp_path / "out" / "results.json").exists()


def drawings(folder):
    """The pixels of every drawing of a cache; all are whole."""
    return {path.relative_to(folder): Image.open(path).tobytes() for path in folder.rglob("*.png")}


def test_drawings_of_killed_and_of_simultaneous_commands(start, tmp_path):
    cache = tmp_path / "data" / ".aio_cache"
    assert start("synthesize").wait() == 0
    whole = drawings(cache)
    assert whole
    for path in cache.rglob("*.png"):
        path.unlink()
    process = start("synthesize")
    reached(process, lambda: list(cache.rglob("*.part")) or len(list(cache.rglob("*.png"))) > 1, tmp_path / "log")
    ended(process, signal.SIGKILL)
    drawings(cache)
    several = [start("synthesize") for _ in range(3)]
    assert [process.wait() for process in several] == [0, 0, 0], (tmp_path / "log").read_text()
    assert start("synthesize").wait() == 0
    assert drawings(cache) == whole
    assert not list(cache.rglob("*.part"))


@pytest.mark.parametrize("more", [(), ("data.height", "1024", "data.width", "1024")])
def test_too_little_memory(start, tmp_path, more):
    limit = 1_300 << 20
    bound = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))} if more else {}
    process = start("main", *more, **bound)
    assert process.wait() == (2 if more else 0), (tmp_path / "log").read_text()
    printed = (tmp_path / "log").read_text()
    assert "Traceback" not in printed
    assert ("aio-reid: Out of memory" in printed) == bool(more)
    assert (tmp_path / "out" / "results.json").exists() == (not more)
