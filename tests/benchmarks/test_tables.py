"""The runner over all tables, its runs played by a fake; and, slowly, two tables of a tiny world for real."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from aio_plugin.toy import layouts
from benchmarks.paper_tables import __main__ as runner
from benchmarks.paper_tables import documents, runs, tables, timing
from benchmarks.paper_tables.presence import Bench
from benchmarks.paper_tables.scales import TOY
from benchmarks.paper_tables.timing import Stopwatch

from .made_up import REPO

NAMES = [name for name in tables(TOY) if name != "aio9"]


@pytest.fixture(scope="module")
def whole_world(tmp_path_factory):
    """A toy world with the sets of both methods."""
    return layouts.make(tmp_path_factory.mktemp("whole") / "data", 8, 5, progress=False, sets="all")


@pytest.fixture
def make(whole_world, tmp_path):
    """Runs the command and returns its exit code."""

    def call(*arguments, names=NAMES):
        places = ["--root", whole_world, "--results", tmp_path / "results", "--runs", tmp_path / "runs"]
        return runner.main(["--toy", *map(str, places), "--table", *names, *map(str, arguments)])

    return call


def contents(tmp_path):
    return {path.name: documents.read_table(path) for path in (tmp_path / "results" / "toy").glob("*.json")}


def values(tmp_path):
    return {name: found.cells for name, found in contents(tmp_path).items()}


def test_all_tables_from_nothing_and_again(make, commands, tmp_path):
    assert make() == 0
    first = values(tmp_path)
    assert set(first) == {f"{name}.json" for name in NAMES}
    asked = len(commands.asked)
    trained = [settings for settings in commands.asked if "test.evaluate" not in settings]
    assert len(trained) == 3 * (1 + 2 + 2) + 3 * (3 + 4) + 3  # AIO: base, heads, encoders; DMF: arms; its sources
    assert make("--check") == 0
    assert make() == 0
    assert len(commands.asked) == asked
    assert values(tmp_path) == first
    found = contents(tmp_path)
    assert found["aio4.json"].seeds() == [1, 2, 3]
    assert found["protocols.json"].seeds() == [1]
    for name in ("aio4.json", "dmf.json", "seeds.json"):
        for cell in found[name].cells.values():
            assert [found[name].runs[key]["seed"] for key in cell.runs] == [1, 2, 3][: len(cell.runs)]


def test_two_runs_at_a_time(make, commands, tmp_path, monkeypatch, capsys):
    """The first two meet, so they are under way together; what comes out is what one after the other gives."""
    names, meeting, met = ["5", "dmf", "dmf_ablation", "protocols"], threading.Barrier(2, timeout=60), iter(range(2))
    make(names=names)
    first, asked = values(tmp_path), len(commands.asked)
    shutil.rmtree(tmp_path / "runs")

    def together(*arguments):
        if next(met, None) is not None:
            meeting.wait()
        return commands(*arguments)

    monkeypatch.setattr(runs, "_follow", together)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert make("--jobs", "2", names=names) == 0
    assert values(tmp_path) == first
    assert len(commands.asked) == 2 * asked
    shutil.rmtree(tmp_path / "runs")
    commands.dies_after = 0
    assert make("--jobs", "2", names=names) == 2
    assert " failed; " in capsys.readouterr().err
    assert len(commands.asked) <= 2 * asked + 3


def test_a_kill_half_way_and_a_restart(make, commands, tmp_path):
    make(names=["4", "7"])
    first = values(tmp_path)
    for path in (tmp_path / "runs").rglob("results.json"):
        if "aio-ce-fb" in str(path):
            path.unlink()  # as if killed before the tests were through
    (tmp_path / "results" / "toy" / "aio4.json").unlink()
    before = len(commands.asked)
    assert make(names=["4", "7"]) == 0
    assert len(commands.asked) > before
    assert all("model.resume" in settings for settings in commands.asked[before:])
    assert values(tmp_path) == first


def test_a_run_that_fails_is_said_and_goes_on_later(make, commands, capsys, tmp_path):
    commands.dies_after = 2
    assert make(names=["7"]) == 2
    assert "aio-1 failed" in capsys.readouterr().err
    commands.dies_after = None
    assert make(names=["7"]) == 0
    assert list(contents(tmp_path)) == ["aio7.json"]


def test_check_finds_what_moved(make, commands, capsys, tmp_path):
    make(names=["7"])
    file = tmp_path / "results" / "toy" / "aio7.json"
    found = json.loads(file.read_text())
    found["cells"][0]["values"] = [[0.99, 0.4]] * 3
    file.write_text(json.dumps(found))
    assert make("--check", names=["7"]) == 1
    assert "rank-1 was 99.0 ± 0.0, is" in capsys.readouterr().out
    assert json.loads(file.read_text()) == found
    file.write_text(json.dumps({**found, "schema": 0}))
    assert make("--check", names=["7"]) == 2
    assert f"{file}: $.schema: 1 was expected" in capsys.readouterr().err


def test_the_variant_is_taken_from_the_result(make, commands, tmp_path):
    make(names=["protocols"])
    cells = contents(tmp_path)["protocols.json"].cells
    removed, whole = (cells[f"Tri-CUHK-PEDES: text, {it}", "AIO"] for it in ("source photo removed", "whole gallery"))
    assert whole.mean(0) == pytest.approx(removed.mean(0) / 2)


def test_other_settings_are_other_runs(make, commands):
    make(names=["7"])
    trained = len(commands.asked)
    make("--set", "train.lr", "0.1", names=["7"])
    assert len(commands.asked) == 2 * trained
    assert all(settings["train.lr"] == "0.1" for settings in commands.asked[trained:])


def test_runs_belong_to_the_photos_of_the_world(make, commands, whole_world, tmp_path):
    root = shutil.copytree(whole_world, tmp_path / "world")
    make("--root", root, names=["7"])
    trained = len(commands.asked)
    make("--root", root, names=["7"])
    assert len(commands.asked) == trained
    photo = next((root / "market1501").rglob("*.jpg"))
    shutil.copy(next((root / "LLCM").rglob("*.jpg")), photo)
    make("--root", root, names=["7"])
    assert len(commands.asked) == 2 * trained


def test_tables_are_compared_with_those_of_the_same_world_alone(make, commands, capsys, tmp_path):
    make(names=["7"])
    file = tmp_path / "results" / "toy" / "aio7.json"
    assert f"`{file}`" in file.with_suffix(".md").read_text()
    found = json.loads(file.read_text())
    assert found["world"] == {"ids": 8, "seed": 5, "sets": "all", "version": layouts.VERSION}
    file.write_text(json.dumps({**found, "world": {**found["world"], "ids": 160}}))
    asked = len(commands.asked)
    assert make("--check", names=["7"]) == 2
    assert f"{file} was computed on the toy world {{'ids': 160" in capsys.readouterr().err
    assert len(commands.asked) == asked


def test_times_are_means_of_forward_passes_of_the_query(whole_world, tmp_path, monkeypatch):
    """With a clock that says 2, 4, 6 ... ms; the machine's own times prove nothing."""
    watch = Stopwatch(Bench(TOY, whole_world, None, tmp_path), "aio")
    watch.samples = 2
    for query in ("rgb", "rgb+ir+sketch+text"):
        measured, passed = [], []

        def fake(call, device, measured=measured):
            measured.append(device)
            call()
            return 0.002 * len(measured)

        monkeypatch.setattr(timing, "seconds", fake)
        with watch.model.register_forward_pre_hook(lambda _, given, passed=passed: passed.append(set(given[0]))):
            assert watch.milliseconds(query) == pytest.approx([3.0, 7.0, 11.0])
        assert measured == [watch.device.type] * watch.samples * timing.REPEATS
        assert passed == [set(passed[0])] * (timing.WARM_UP + len(measured))
        assert passed[0] & {"rgb", "ir", "sketch", "text"} == set(query.split("+"))


TINY = """
import sys
from benchmarks.paper_tables import __main__ as runner, scales
scales.SCALES["toy"] = scales.toy_scale("toy", 160, (1, 1), 1, (2, 2), 1)
sys.exit(runner.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_for_real(tmp_path):
    """Table 7 is killed at a random moment of its run, made from what the run left, and checked."""
    folders = {"--root": "data", "--results": "results", "--runs": "runs"}
    places = [part for option, name in folders.items() for part in (option, str(tmp_path / name))]
    line = [sys.executable, "-c", TINY, "--toy", *places, "--seeds", "1", "--table", "7"]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    with subprocess.Popen(line, cwd=REPO, env=environment, start_new_session=True) as process:
        while not list((tmp_path / "runs").rglob("last.pth.tar")):
            assert process.poll() is None
            time.sleep(0.2)
        time.sleep(random.uniform(0, 3))
        os.killpg(process.pid, signal.SIGKILL)
    assert not list(tmp_path.rglob("aio7.json"))
    subprocess.run(line, cwd=REPO, env=environment, check=True)
    subprocess.run([*line, "--check"], cwd=REPO, env=environment, check=True)
    (log,) = (tmp_path / "runs").rglob("output.log")
    assert "Loading checkpoint from" in log.read_text()
    found = documents.read_table(tmp_path / "results" / "toy" / "aio7.json")
    assert all(cell.values for cell in found.cells.values())
