"""Two processes on one CPU, as torchrun starts them: the run of one process, resumed by any number, and restarted."""

import json
import os
import re
import signal
import subprocess

import pytest
import torch

from .runs import LAST, REPO, command, losses, run, scalars, weights

pytestmark = pytest.mark.slow
FINAL = "model/model.pth.tar-2"
STEADY = ["train.optim", "sgd", "train.lr", "0.01", "aio.train.clip_norm", "0.5", "train.lr_scheduler", "cosine_warmup"]
"""Clipped SGD: Adam divides gradients that are rounding alone by their own size, and so makes rounding large."""


def torchrun(line, processes=2, **options):
    """A command line, in several processes."""
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes), *flags]
    return [line[0], *start, *line[1:]]


@pytest.fixture(scope="module")
def one(toy_world, tmp_path_factory):
    """A finished run of one process: its folder and output."""
    out = tmp_path_factory.mktemp("one")
    return out, run(command(root=toy_world, out=out, overrides=STEADY), OMP_NUM_THREADS="1")


@pytest.fixture(scope="module")
def two(toy_world, tmp_path_factory):
    """The same of two processes."""
    out = tmp_path_factory.mktemp("two")
    return out, run(torchrun(command(root=toy_world, out=out, overrides=STEADY)), OMP_NUM_THREADS="1")


def close(first, second):
    """Whether two state dicts are equal but for rounding."""
    return first.keys() == second.keys() and all(
        torch.allclose(first[key].float(), second[key].float(), atol=1e-5, rtol=1e-4) for key in first
    )


def means(out):
    targets = json.loads((out / "results.json").read_text())["targets"]
    return {each["target"]: (each["results"]["after"]["mean"], each.get("attributes")) for each in targets}


def test_two_processes_are_one(one, two):
    ours, theirs = scalars(two[0]), scalars(one[0])
    assert len(ours["Train/loss"]) == 8
    for name in (name for name in theirs if not name.endswith(("/time", "/data"))):
        assert ours[name] == pytest.approx(theirs[name], abs=1e-5 if "loss" in name else 1e-3), name
    assert close(weights(two[0] / FINAL), weights(one[0] / FINAL))


def test_rank_0_alone_prints_and_writes(two):
    out, printed = two
    assert printed.count("=> Start training") == 1
    assert len(losses(printed)) == 8
    names = [path.name for path in out.iterdir()]
    assert len([name for name in names if name.startswith("train.log")]) == 1
    assert len([name for name in names if name.startswith("events.")]) == 1
    assert (next(out.glob("train.log*"))).read_text().count("=> Final test") == 1


def test_sharded_evaluation_ranks_as_one_process_does(two, toy_world, tmp_path):
    given = ["model.load_weights", two[0] / FINAL, "test.evaluate", "True", "test.batch_size", 7]
    given += ["aio.test.attributes", "True", "data.targets", "['market1501', 'cuhk_pedes']"]
    found = []
    for line in (lambda line: line, torchrun):
        out = tmp_path / str(len(found))
        run(line(command(root=toy_world, out=out, overrides=given)), OMP_NUM_THREADS="1")
        found.append(means(out))
    assert found[0] == found[1]
    assert found[0]["cuhk_pedes"][1]["words"] > 0


@pytest.mark.parametrize("first", [1, 2])
def test_a_run_resumes_with_another_number_of_processes(one, toy_world, tmp_path, first):
    line = command(root=toy_world, out=tmp_path, overrides=[*STEADY, "aio.train.checkpoint_every", 1])
    starts = {1: lambda line: line, 2: torchrun}
    run_until(starts[first](line), tmp_path, r"\[1/2\]\[3/4\]")
    finished = run([*starts[3 - first](line), "model.resume", str(tmp_path / LAST)], OMP_NUM_THREADS="1")
    assert losses(finished)
    assert close(weights(tmp_path / FINAL), weights(one[0] / FINAL))


def run_until(line, out, pattern):
    """Start a run and end it, all its processes, as soon as it has printed ``pattern``."""
    environment = {**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(
        line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    seen = []
    for printed in running.stdout:
        seen.append(printed)
        if re.search(pattern, printed):
            break
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert (out / LAST).exists(), "".join(seen)


DIE = """
import os, signal, sys
from aio_plugin.host.engine import AIOEngine
step = AIOEngine.forward_backward
def forward_backward(self, data):
    first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
    if first and os.environ["RANK"] == "1" and (self.epoch, self.batch_idx) == (1, 2):
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, data)
AIOEngine.forward_backward = forward_backward
from aio_plugin.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def dying(tmp_path):
    """A script in which rank 1 is killed in the second epoch of the first attempt."""
    script = tmp_path / "dying.py"
    script.write_text(DIE)
    return script


def with_script(line, script, **options):
    return torchrun([line[0], str(script), *line[3:]], **options)


def test_a_dead_rank_ends_the_others(toy_world, tmp_path, dying):
    out = tmp_path / "out"
    code, printed = run(with_script(command(root=toy_world, out=out, overrides=STEADY), dying), check=False)
    assert code != 0
    assert "rank      : 1 (local_rank: 1)" in printed
    assert "Signal 9 (SIGKILL)" in printed
    assert weights(out / LAST)


def test_torchrun_restarts_from_the_last_checkpoint(one, toy_world, tmp_path, dying):
    out = tmp_path / "out"
    (out / "model").mkdir(parents=True)
    torch.save({"stale": True}, out / LAST)
    printed = run(with_script(command(root=toy_world, out=out, overrides=STEADY), dying, max_restarts=1))
    assert f'"{out}" held an earlier run; its files are in "{out}/earlier/1" now' in printed
    assert f'=> Restart 1: resuming from "{out / LAST}"' in printed
    assert torch.load(out / "earlier" / "1" / LAST) == {"stale": True}
    steps = [step for step, _ in losses(printed[printed.index("=> Restart 1") :])]
    assert steps == [f"[2/2][{step}/4]" for step in range(1, 5)]
    assert close(weights(out / FINAL), weights(one[0] / FINAL))


def test_a_batch_that_cannot_be_shared(toy_world, tmp_path):
    code, printed = run(torchrun(command(root=toy_world, out=tmp_path), processes=3), check=False)
    assert code != 0
    assert "A batch holds 8 persons" in printed
    assert "3 processes cannot share evenly; make it a multiple of 3" in printed
    assert "rank 0: " in printed


def test_the_best_checkpoint_is_chosen_on_a_validation_split(toy_world, tmp_path):
    chosen = ["aio.train.select_target", "cuhk_pedes/val", "test.eval_freq", 1, "aio.train.accumulate", 2]
    printed = run(command(root=toy_world, out=tmp_path, overrides=chosen), OMP_NUM_THREADS="1")
    assert "##### Evaluating cuhk_pedes/val (target) #####" in printed
    values = [float(value) for value in re.findall(r"Best mAP on cuhk_pedes/val so far: ([\d.]+)%", printed)]
    assert values == sorted(values)
    best = torch.load(tmp_path / "model" / "model-best.pth.tar", weights_only=True)
    assert best["optimizer"]["param_groups"][0]["aio_best"]["name"] == "mAP on cuhk_pedes/val"
    assert best["epoch"] == len(values)
    assert "cuhk_pedes/val" in means(tmp_path)
