"""Whatever happens to `toy`, its root holds the whole world or nothing, and one line says why."""

import errno
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from aio_plugin.__main__ import INTERRUPTED, TERMINATED, main
from aio_plugin.datasets.toy_facts import contents_digest
from aio_plugin.errors import DatasetError, WorkerError
from aio_plugin.file_lock import folder_lock
from aio_plugin.toy.layouts import make, writer

from .people import IDS


@pytest.mark.parametrize(
    "content", ["", '{"ids": 8', "[]", '{"ids": 8}', '{"ids": "8", "seed": 0, "sets": "aio"}', "["]
)
def test_damaged_facts_are_named(tmp_path, content, capsys):
    (tmp_path / "toy.json").write_text(content * (3000 if content == "[" else 1))
    assert main(["toy", "--root", str(tmp_path)]) == 2
    assert f"{tmp_path}/toy.json is damaged" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["toy.json"]


def test_another_process_writes_to_the_same_root(tmp_path, capsys):
    root, partial = tmp_path / "world", tmp_path / ".world.partial"
    partial.mkdir()
    with folder_lock(partial):
        assert main(["toy", "--root", str(root)]) == 2
    assert "Another process works in" in capsys.readouterr().err
    assert os.listdir(tmp_path) == [".world.partial"]
    (partial / "left").mkdir()
    (partial / "left" / "by a killed process").write_bytes(b"")
    make(root, IDS, 1, progress=False)
    assert os.listdir(tmp_path) == ["world"]
    assert not (root / "left").exists()


def fail(job):
    raise OSError(errno.ENOSPC, "No space left on device")


def die(job):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("paint", "workers", "error", "says"),
    [
        (fail, 1, DatasetError, "No space left on device.*Free disk space"),
        (fail, 2, DatasetError, "No space left on device.*Free disk space"),
        (die, 2, WorkerError, "A process that draws the toy world died"),
    ],
)
def test_a_failure_leaves_nothing(tmp_path, monkeypatch, paint, workers, error, says):
    monkeypatch.setattr(writer, "draw_picture", paint)
    with pytest.raises(error, match=says):
        make(tmp_path / "world", IDS, 1, workers=workers, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    assert main(["toy", "--root", str(tmp_path / "file" / "world")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("aio-reid: The toy world cannot be written to ")


def started(root):
    """`toy` in a process of its own, when it has begun to draw."""
    line = [sys.executable, "-m", "aio_plugin", "toy", "--root", str(root), "--ids", str(IDS), "--seed", "1"]
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (root.parent / f".{root.name}.partial").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_one_line_and_leaves_nothing(tmp_path, number):
    with started(tmp_path / "world") as process:
        time.sleep(0.3)
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)  # Ctrl-C reaches the workers too
        printed = process.stderr.read()
    code, said = {signal.SIGINT: (INTERRUPTED, "interrupted"), signal.SIGTERM: (TERMINATED, "terminated")}[number]
    assert process.returncode == code
    assert [line for line in printed.splitlines() if line and "toy world:" not in line] == [f"aio-reid: {said}"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_kill_at_a_random_moment_and_another_start(tmp_path, world):
    root = tmp_path / "world"
    with started(root) as process:
        time.sleep(random.uniform(0, 1))
        process.kill()
        process.stderr.read()  # until the last worker has gone
    assert os.listdir(tmp_path) in ([".world.partial"], ["world"])
    make(root, IDS, 1, progress=False)
    assert os.listdir(tmp_path) == ["world"]
    assert contents_digest(root) == contents_digest(world)


def test_the_digest_sees_photos_that_change_and_no_files_of_tools(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(b"one")
    digests = [contents_digest(tmp_path)]
    for changed in ("PKU-Sketch/idx_aio/x.json", ".aio_cache/x", "toy.json", "a/2.jpg", "a/1.jpg"):
        (tmp_path / changed).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / changed).write_bytes(b"two")
        digests.append(contents_digest(tmp_path))
    assert len({*digests[:4]}) == 1
    assert len({*digests[3:]}) == 3
