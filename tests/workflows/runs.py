"""Runs of the command line on a small toy world, as a user types them."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

REPO = Path(__file__).parents[2]
CONFIG = REPO / "configs" / "toy" / "aio_tiny_toy.yaml"
LAST = "model/last.pth.tar"
STAGES = (
    "[{'epochs': 1, 'sources': {'synth_pedes': {'quota': 8, 'synthetic': ['ir', 'sketch']}}},"
    " {'epochs': 1, 'sources': {'synth_pedes': {'quota': 4, 'synthetic': ['ir', 'sketch']},"
    " 'llcm': {'quota': 2}, 'mask1k': {'quota': 2}}}]"
)
QUICK = [
    "train.max_epoch", "2", "train.fixbase_epoch", "0", "train.batch_size", "8",
    "aio.stages", STAGES, "aio.train.steps_per_epoch", "4",
    "train.print_freq", "1", "aio.test.pixels", "False", "aio.test.before", "False", "aio.test.report", "False",
    "aio.test.attributes", "False",
    "data.targets", "['market1501', 'tri_cuhk_pedes@sketch+text']",
]  # fmt: skip
"""Overrides that make two stages of four steps out of the demo."""


def command(*ways, root, out, config=CONFIG, overrides=()):
    """The command line; ``ways`` stand in for ``main`` where a script is run."""
    start = [sys.executable, "-m", "aio_plugin", *(ways or ("main",))]
    where = ["--config-file", str(config), "--root", str(root)]
    return [*start, *where, *QUICK, "data.save_dir", str(out), *map(str, overrides)]


def run(line, check=True, **environment):
    """Run a command line and return what it printed, both streams together."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPO), os.environ.get("PYTHONPATH", "")]), **environment}
    done = subprocess.run(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if check:
        assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout if check else (done.returncode, done.stdout)


def killed(line, out, after):
    """Start a run and kill it ``after`` seconds from its first checkpoint, which its folder ``out`` then holds.

    Returns the last step that it printed, such as ``[1/2][3/4]``, or "" if none.
    """
    with open(out / "log", "w") as log:
        running = subprocess.Popen(line, stdout=log, stderr=log, cwd=REPO)
        while not (out / LAST).exists():
            assert running.poll() is None, (out / "log").read_text()
            time.sleep(0.02)
        time.sleep(after)
        running.send_signal(signal.SIGKILL)
        running.wait()
    printed = losses((out / "log").read_text())
    return printed[-1][0] if printed else ""


def weights(path):
    """The state dict of a checkpoint, read as torch >= 2.6 reads it."""
    return torch.load(path, weights_only=True)["state_dict"]


def scalars(out):
    """Every scalar that training wrote for TensorBoard."""
    events = EventAccumulator(str(out))
    events.Reload()
    return {name: [event.value for event in events.Scalars(name)] for name in events.Tags()["scalars"]}


def losses(output):
    """The loss terms of every printed step, without timings."""
    return re.findall(r"epoch: (\[\S+\]\[\S+\]).*?(loss .*?)\tlr", output)
