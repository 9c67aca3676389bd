"""A folder has one run at a time, and the files of one run."""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from aio_plugin import file_lock
from aio_plugin.errors import HostError
from aio_plugin.host.run_folder import FILES, run_folder

from .helpers import build_engine, config

RESULTS = "results.json", "results/market1501.json"
HOLD = """
import os, sys, time
from pathlib import Path
from aio_plugin.file_lock import file_lock
with file_lock(Path(sys.argv[1])):
    if not os.fork():  # a worker, which outlives its parent for a moment
        time.sleep(20)
    print("held", flush=True)
    time.sleep(60)
"""


def write(folder, run):
    """The files of a run, all with its name in them."""
    for pattern in FILES:
        name = pattern.replace("*", "x")
        path = folder / name / "file" if name in ("results", "model", "visrank_x") else folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(run)


def holding(folder):
    """Relative path -> content of every file but the locks, those set aside too."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_text(errors="surrogateescape") for path in files}


def test_a_later_run_finds_the_folder_empty_and_nothing_is_lost(tmp_path, capsys):
    folder = tmp_path / "log"
    for number, run in enumerate(("first", "second", "third")):
        with run_folder(str(folder), False, False) as given:
            assert given == folder
            now = {name for name in holding(folder) if not name.startswith("earlier")}
            assert now == set()
            write(folder, run)
        said = capsys.readouterr().out
        assert said.count("\n") == said.count(f'its files are in "{folder}/earlier/{number}" now') == min(number, 1)
    files = holding(folder)
    assert len(files) == 3 * len(FILES)
    for name, text in files.items():
        assert text == {"earlier/1": "first", "earlier/2": "second"}.get(name[:9], "third")


def test_a_resumed_run_finds_its_checkpoints_and_no_results_of_other_targets(tmp_path, capsys):
    write(tmp_path, "mine")
    with run_folder(str(tmp_path), False, True):
        kept = {name for name in holding(tmp_path) if not name.startswith("earlier")}
        assert kept == {"model/file", "events.out.tfevents.x"}
    assert len(holding(tmp_path)) == len(FILES)
    assert f'held results of before; they are in "{tmp_path}/earlier/1" now' in capsys.readouterr().out


def test_a_test_leaves_a_trainings_files_alone(tmp_path):
    write(tmp_path, "training")
    before = holding(tmp_path)
    for _ in range(2):
        with run_folder(str(tmp_path), True, False) as folder:
            assert folder == tmp_path / "test"
            (folder / "results").mkdir()
            (folder / "results.json").write_text("test")
    after = holding(tmp_path)
    assert {name: text for name, text in after.items() if not name.startswith("test")} == before
    assert {name for name in after if name not in before} == {"test/results.json", "test/earlier/1/results.json"}


def test_two_runs_at_once_are_refused_until_the_first_is_dead(tmp_path):
    write(tmp_path, "first")
    before = holding(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / ".lock")], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as first:
        assert first.stdout.readline() == "held\n"
        says = rf"in use by another run \(process {first.pid} on .* since .*save_dir"
        with pytest.raises(HostError, match=says), run_folder(str(tmp_path), False, False):
            pytest.fail("two runs in one folder")
        assert holding(tmp_path) == before, "files of a living run were moved"
        with run_folder(str(tmp_path), True, False) as folder:
            assert folder == tmp_path / "test", "a training may be tested while it runs"
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        with run_folder(str(tmp_path), False, True):
            pass
        os.killpg(first.pid, signal.SIGKILL)  # its worker


def test_trainings_and_a_test_one_after_the_other_and_two_at_once(registered, market, tmp_path):
    def run(seed, **options):
        cfg = config(market)
        cfg.train.seed = seed
        build_engine(registered, cfg).run(save_dir=str(tmp_path), max_epoch=1, **options)

    def seed(place):
        return [json.loads((tmp_path / place / name).read_text())["seed"] for name in RESULTS]

    run(1)
    run(2)
    run(3, test_only=True)
    assert [seed(place) for place in ("earlier/1", ".", "test")] == [[1, 1], [2, 2], [3, 3]]
    assert len(list((tmp_path / "earlier/1").glob("events.*"))) == len(list(tmp_path.glob("events.*"))) == 1
    before = holding(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / ".lock")], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(HostError, match="in use by another run"):
            run(4)
        os.killpg(first.pid, signal.SIGKILL)
    assert holding(tmp_path) == before


@pytest.mark.parametrize("place", ["file/log", "file"])
def test_a_folder_that_cannot_be_written(tmp_path, place):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(HostError, match=r"Cannot write to .*Set data\.save_dir"),
        run_folder(str(tmp_path / place), False, False),
    ):
        pytest.fail("no folder")


def test_a_file_system_without_locks_is_warned_of(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(file_lock, "_lock", refuse)
    says = r"has no locks \(No locks available\)"
    with pytest.warns(UserWarning, match=says), run_folder(str(tmp_path), False, False) as folder:
        assert folder == tmp_path
