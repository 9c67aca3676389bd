"""Runs are done once, go on after a kill, and name what is wrong; the command itself is played by a fake."""

import json
import subprocess
import sys
import time

import pytest

from aio_plugin.errors import AIOError
from benchmarks.paper_tables import runs
from benchmarks.paper_tables.runs import Plan, Run

from .made_up import REPO


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("model: {name: aio_tiny}\n")
    return file


@pytest.fixture
def run(config, tmp_path):
    return Run("aio-1", config, {"train.seed": 1}, tmp_path / "runs")


def test_done_once(run, commands):
    first = run.documents(["market1501", "tri_cuhk_pedes@text"])
    assert len(commands.asked) == 1
    assert commands.asked[0]["data.targets"] == "['market1501', 'tri_cuhk_pedes@text']"
    assert run.documents(["tri_cuhk_pedes@text"]) == {"tri_cuhk_pedes@text": first["tri_cuhk_pedes@text"]}
    assert len(commands.asked) == 1


def test_a_further_target_is_tested_and_nothing_trained(run, commands):
    run.documents(["market1501"])
    run.documents(["market1501", "sysu_mm01"])
    assert commands.asked[1]["test.evaluate"] == "True"
    assert commands.asked[1]["data.targets"] == "['sysu_mm01']"
    assert commands.asked[1]["model.resume"] == str(run.checkpoint)


def test_other_protocols_have_their_own_place(run, commands):
    plain = run.documents(["sysu_mm01"])
    run.documents(["sysu_mm01"], {"aio.datasets.sysu_mm01.trials": "agw"})
    run.documents(["sysu_mm01"], {"aio.datasets.sysu_mm01.trials": "agw"})
    assert [settings.get("aio.datasets.sysu_mm01.trials") for settings in commands.asked] == [None, "agw"]
    assert run.documents(["sysu_mm01"]) == plain


def test_a_killed_run_goes_on(run, commands):
    commands.dies_after = 1
    with pytest.raises(AIOError, match="aio-1 failed"):
        run.documents(["market1501", "sysu_mm01"])
    commands.dies_after = None
    assert set(run.documents(["market1501", "sysu_mm01"])) == {"market1501", "sysu_mm01"}
    assert commands.asked[1]["model.resume"] == str(run.checkpoint)
    assert "test.evaluate" not in commands.asked[1]


def test_what_is_not_trained_is_only_tested(config, tmp_path, commands):
    run = Run("untrained", config, {}, tmp_path, trains=False)
    run.documents(["market1501"])
    (asked,) = commands.asked
    assert asked["test.evaluate"] == "True"
    assert "model.resume" not in asked


def test_folders_tell_runs_apart(config, tmp_path):
    def folder(settings=None, world="", trains=True):
        return Run("aio", config, settings or {}, tmp_path, world, trains).folder

    folders = [folder(), folder({"train.lr": 0.1}), folder(world="{}"), folder(trains=False)]
    config.write_text("model: {name: aio_vit_b16}\n")
    assert len({*folders, folder()}) == 5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        *((lambda _, content=content: content, "no result that can be read") for content in ("", "{", "[]")),
        (lambda _: '{"schema": 2}', "no result that can be read"),
        (lambda text: json.dumps({**json.loads(text), "schema": 1}), "schema 1 is not"),
    ],
)
def test_a_corrupt_result_is_named(run, commands, change, says):
    run.documents(["market1501"])
    file = run.folder / "results" / "market1501.json"
    file.write_text(change(file.read_text()))
    with pytest.raises(AIOError, match=says) as error:
        run.documents(["market1501"])
    assert str(file) in str(error.value)


def test_a_plan_gathers_targets(run):
    plan = Plan()
    for target, options in (("a", {}), ("b", {"x": 1}), ("c", {}), ("a", {})):
        plan.add(run, target, options)
    assert plan.of(run, {}) == plan.first(run) == ["a", "c"]
    assert plan.of(run, {"x": 1}) == ["b"]


def test_what_failed_is_shown(run, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/echo")
    monkeypatch.setattr(runs, "_follow", real_follow_of("import sys; print('out of memory'); sys.exit(3)"))
    with pytest.raises(AIOError, match="out of memory\naio-1 failed"):
        run.documents(["market1501"])
    assert "out of memory" in (run.folder / "output.log").read_text()


_follow = runs._follow


def real_follow_of(code):
    return lambda line, log, lock, tell: _follow(["/usr/bin/env", "python3", "-c", code], log, lock, tell)


def test_nobody_works_in_a_folder_that_a_living_child_holds(tmp_path):
    """The runner is killed, its child lives on for a moment: the next runner waits for it."""
    code = f"""
import sys
sys.path.insert(0, {str(REPO)!r})
from pathlib import Path
from benchmarks.paper_tables import runs
folder = Path({str(tmp_path)!r})
with runs._alone(folder) as lock:
    print("working", flush=True)
    runs._follow(["sleep", "1.5"], folder / "log", lock, None)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout.readline() == "working\n"
        time.sleep(0.3)
        runner.kill()
    started = time.monotonic()
    with runs._alone(tmp_path):
        assert time.monotonic() - started > 0.3
