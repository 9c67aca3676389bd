"""Kills, two writers, readers during writes, damaged files and full disks: nothing is lost, nothing is doubled."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from aio_plugin.errors import GalleryError
from aio_plugin.search import store
from aio_plugin.search.gallery import Gallery
from aio_plugin.search.indexing import index_pictures
from aio_plugin.search.pictures import read_pictures
from aio_plugin.search.store import IndexSettings, Store

from ..tools.test_no_room import files_of_at_most
from .fakes import DIM, FakeModel, run, run_in_a_process, write_pictures

pytest.importorskip("lancedb")
HOLD = "import sys, time, pathlib; from aio_plugin.file_lock import file_lock\n"
HOLD += "with file_lock(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


def checked(out):
    """The paths of an index, none twice, with the features of the pictures."""
    gallery, model = Gallery(out), FakeModel()
    paths = gallery.column("path").to_pylist()
    assert len(set(paths)) == len(paths)
    for row, vector in enumerate(gallery.vectors):
        assert vector.tolist() == pytest.approx(model.feature(gallery.file(row)).tolist())
    return set(paths)


@pytest.mark.slow
def test_kills(tmp_path, out):
    rng, kept, cut = random.Random(0), set(), 0
    folder, context = tmp_path / "pictures", multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.search.fakes"])  # a child begins quickly
    for turn in range(10):
        write_pictures(folder, 30, start=30 * turn)
        arguments = ["--images", folder, "--out", out, "--batch-size", 2, "--pattern", "c{camera}_{time}_t{track}.png"]
        process = context.Process(target=run_in_a_process, args=(0.03, 4, *map(str, arguments)))
        process.start()
        holder = f"process {process.pid} "
        while process.is_alive() and not ((out / ".lock").exists() and holder in (out / ".lock").read_text()):
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.05 if turn == 0 else 2))
        process.kill()
        process.join()
        cut += process.exitcode == -signal.SIGKILL
        if (out / "_versions").exists() and any((out / "_versions").iterdir()):
            found = checked(out)
            assert kept <= found
            kept = found
    assert cut >= 5
    assert 0 < len(kept) < 300
    model = FakeModel()
    assert run(model, "--images", folder, "--out", out) == 0
    assert len(model.encoded) == 300 - len(kept)
    assert checked(out) == {path.name for path in folder.iterdir()}


def test_a_second_writer_is_refused(folder, out, capsys):
    out.mkdir()
    with subprocess.Popen([sys.executable, "-c", HOLD, str(out / ".lock")], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        assert run(FakeModel(), "--images", folder, "--out", out) == 2
        assert f"in use by another run (process {first.pid} on" in capsys.readouterr().err
        first.kill()
    assert run(FakeModel(), "--images", folder, "--out", out) == 0
    assert len(checked(out)) == 12


def test_two_writers_without_a_lock_double_nothing(tmp_path, out):
    """As in object storage: commits alone keep them apart."""
    folder = write_pictures(tmp_path / "pictures", 60)
    Store.create(out, IndexSettings("fake", DIM, str(folder)))
    pictures, faults = read_pictures(str(folder)), []

    def write(order):
        try:
            index_pictures(Store(out), FakeModel(), pictures._replace(listed=pictures.listed[::order]), batch_size=7)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(order,)) for order in (1, -1, 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aio_plugin.search.indexing.COMMIT", 7)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert faults == []
    assert len(checked(out)) == 60


def test_readers_see_whole_versions(tmp_path, out, monkeypatch):
    monkeypatch.setattr("aio_plugin.search.indexing.COMMIT", 5)
    folder = write_pictures(tmp_path / "pictures", 50)
    first = Store.create(out, IndexSettings("fake", DIM, str(folder)))
    done = threading.Event()

    def write():
        index_pictures(first, FakeModel(pause=0.02), read_pictures(str(folder)), batch_size=5)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not done.is_set():
        gallery = Gallery(out)
        assert len(gallery) % 5 == 0
        assert len(gallery.vectors) == len(gallery.column("path")) == len(gallery)
        seen.append(gallery)
    writer.join()
    middle = next(gallery for gallery in seen if 0 < len(gallery) < 50)
    rows = middle.values(range(len(middle)), ["path"])["path"].to_pylist()
    assert run(FakeModel(), "--out", out, "--delete", *(f"--path={path}" for path in rows)) == 0
    first.tidy()
    assert middle.values(range(len(middle)), ["path"])["path"].to_pylist() == rows
    assert len(middle.search(middle.vectors[:1], top=50).ids[0]) == len(middle)
    assert len(checked(out)) == 50 - len(rows)


def cut(data):
    return data[: len(data) // 2]


def empty(data):
    return b""


def noise(data):
    return np.random.default_rng(0).bytes(len(data))


def exponents(data):
    """Of one float of a vector, whose sign and digits stay."""
    at = data.index(VECTOR) + 3
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


VECTOR = FakeModel().feature


@pytest.mark.parametrize(
    ("files", "damage"),
    [("data/*.lance", cut), ("data/*.lance", empty), ("data/*.lance", noise), ("data/*.lance", None)]
    + [("data/*.lance", exponents), ("_versions/*", cut), ("_versions/*", empty), ("_versions/*", noise)],
)
def test_damage_is_one_line(folder, out, capsys, monkeypatch, files, damage):
    assert run(FakeModel(), "--images", folder, "--out", out) == 0
    vector = Gallery(out).vectors[3].numpy().tobytes()
    monkeypatch.setattr(sys.modules[__name__], "VECTOR", vector)
    touched = sorted(out.glob(files))
    assert touched
    for file in touched:
        content = file.read_bytes()
        file.unlink()
        if damage is not None:
            file.write_bytes(damage(content))
    with pytest.raises(GalleryError, match="Restore it from a copy, or remove its folder") as raised:
        Gallery(out).search(np.ones(DIM))
    assert "\n" not in str(raised.value)
    if damage is not exponents:
        assert run(FakeModel(), "--images", folder, "--out", out) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith("aio-reid: ")


@pytest.mark.parametrize("size", [0, 500, 1500, 2500, 10_000, 100_000])
@pytest.mark.parametrize("margin", [0, store.MARGIN])
def test_a_full_disk(folder, out, capsys, monkeypatch, size, margin):
    monkeypatch.setattr(store, "MARGIN", margin)
    with files_of_at_most(size):
        code = run(FakeModel(), "--images", folder, "--out", out)
    assert code == (2 if size < 100_000 or margin else 0)
    if code:
        *_, last = capsys.readouterr().err.strip().splitlines()
        assert last.startswith("aio-reid: ")
        assert "disk" in last
    assert run(FakeModel(), "--images", folder, "--out", out) == 0
    assert len(checked(out)) == 12


@pytest.mark.parametrize("more", [0, 500, 1000, 2000, 4000, 6000])
def test_what_is_committed_before_the_disk_is_full_stays(folder, out, capsys, monkeypatch, more):
    """Lance 13 commits a data file whose end was not written: it is taken back."""
    assert run(FakeModel(), "--images", folder, "--out", out) == 0
    write_pictures(folder, 300, start=12)
    monkeypatch.setattr(store, "_require_room", lambda *_: None)  # as if the space had gone just then
    largest = max(file.stat().st_size for file in out.rglob("*") if file.is_file())
    with files_of_at_most(largest + more):
        code = run(FakeModel(), "--images", folder, "--out", out)
    said = capsys.readouterr().err
    assert len(checked(out)) in ((12,) if code else (12, 312))
    assert not code or "Free disk space" in said
    assert run(FakeModel(), "--images", folder, "--out", out) == 0
    assert len(checked(out)) == 312


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(folder, out, capsys):
    out.mkdir(mode=0o500)
    assert run(FakeModel(), "--images", folder, "--out", out) == 2
    assert "Permission denied" in capsys.readouterr().err


def test_a_table_of_another_kind_is_refused(out):
    import lancedb

    lancedb.connect(out.parent).create_table("people", [{"vector": [1.0, 2.0]}])
    with pytest.raises(GalleryError, match="not an index of"):
        Gallery(out)
