"""The cache of line art, filled before anything asks for it."""

import os
import shutil
import subprocess
import sys
import time

import pytest
from PIL import Image

import aio_plugin
from aio_plugin.errors import ConfigError
from aio_plugin.synthesis import sketch
from aio_plugin.tools import synthesize as tool
from aio_plugin.tools.synthesize import parse_shard, photos_to_draw
from aio_plugin.training.media import QueryDataset
from aio_plugin.training.person_dataset import choose_media

from . import trained

TARGETS = "['market1501@rgb+sketch', 'market1501']"


@pytest.fixture
def world(small_world, tmp_path):
    for name in ("SYNTH-PEDES", "LLCM", "MaSk1K", "market1501"):
        shutil.copytree(small_world / name, tmp_path / name, dirs_exist_ok=True)
    return tmp_path


def synthesize(root, *arguments):
    return trained.command("synthesize", root, "--workers", 2, *arguments, "data.targets", TARGETS)


def said(capsys):
    """Counts of the last line: made, present, unreadable."""
    line = capsys.readouterr().out.splitlines()[-1]
    return [int(part.split()[0]) for part in line.rpartition(": ")[2].split(", ")]


def drawings(root):
    return sorted((root / ".aio_cache").rglob("*.png"))


def test_all_that_training_and_testing_will_ask_for(world, capsys, monkeypatch):
    cfg = trained.config(world, "data.targets", TARGETS)
    manager = trained.manager(cfg)
    source = manager.training_sources[0]
    assert source.name == "synth_pedes"
    anchors = [anchor.media for person in source.persons for anchor in person.anchors]
    queries = manager.test_targets["market1501@rgb+sketch"].query
    wanted = [str(media) for media in (*anchors, *(item.media for item in queries))]
    assert list(photos_to_draw(manager)) == list(dict.fromkeys(wanted))
    aio_plugin.unregister()
    capsys.readouterr()
    assert synthesize(world) == 0
    assert said(capsys) == [len(set(wanted)), 0, 0]
    monkeypatch.setattr(sketch, "draw_edges", lambda _: pytest.fail("drawn while training or testing"))
    share = manager.stages[0].shares[0]
    import random

    for person in source.persons:
        for anchor in person.anchors:
            chosen = choose_media(anchor.media, person.pools, share.synthetic, random.Random(0))
            manager.reader.entries(chosen, random.Random(0))
    assert all("sketch" in entry for entry in QueryDataset(queries, manager.reader))


def test_shards_meet_once_and_a_second_run_makes_nothing(world, capsys):
    counts = []
    for number in (1, 2, 3):
        assert synthesize(world, "--shard", f"{number}/3") == 0
        counts.append(said(capsys))
    made = [made for made, _, _ in counts]
    assert all(present == 0 for _, present, _ in counts)
    assert max(made) - min(made) <= 1
    before = {path: path.stat().st_mtime_ns for path in drawings(world)}
    assert len(before) == sum(made)
    broken = next(iter(before))
    broken.write_bytes(broken.read_bytes()[:-9])
    assert synthesize(world) == 0
    assert said(capsys) == [1, sum(made) - 1, 0]
    changed = [path for path in drawings(world) if path.stat().st_mtime_ns != before[path]]
    assert changed == [broken]


def test_unreadable_photos_are_named_and_the_others_made(world, capsys):
    photos = sorted((world / "SYNTH-PEDES").rglob("*.jpg"))
    photos[0].write_bytes(photos[0].read_bytes()[:300])
    photos[3].write_bytes(b"no image")
    assert synthesize(world) == 1
    printed = capsys.readouterr().out
    assert str(photos[0]) in printed
    assert str(photos[3]) in printed
    assert printed.splitlines()[-1].endswith("0 present, 2 unreadable")
    assert len(drawings(world)) == int(printed.splitlines()[-1].rpartition(": ")[2].split()[0]) > 10


def test_a_cache_that_cannot_be_written(world, capsys):
    (world / ".aio_cache").write_text("a file")
    assert synthesize(world) == 2
    assert "aio.synthesis.cache" in capsys.readouterr().err


def kill(_):
    os.kill(os.getpid(), 9)


def test_a_process_that_dies(world, capsys, monkeypatch):
    monkeypatch.setattr(tool, "draw_one", lambda photo, sketcher: kill(photo))
    assert synthesize(world) == 2
    assert "run the same command again" in capsys.readouterr().err


@pytest.mark.slow
def test_a_kill_leaves_neither_processes_nor_half_a_sketch(world, tmp_path):
    line = [sys.executable, "-m", "aio_plugin", "synthesize", "--workers", "2", "--config-file", trained.CONFIG]
    line += ["--root", str(world), *map(str, trained.FEW), "data.targets", TARGETS]
    done = []
    for _ in range(3):
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            while len(drawings(world)) <= len(done) and process.poll() is None:
                time.sleep(0.01)
            process.kill()
            process.stdout.read()  # until the last worker has gone
        done = drawings(world)
        assert done
        for file in done:
            Image.open(file).load()
    subprocess.run(line, check=True, capture_output=True)
    assert set(done) < set(drawings(world))


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1.0/2", "¹/2"])
def test_shards_that_are_none(text):
    with pytest.raises(ConfigError, match="--shard"):
        parse_shard(text)


def test_workers_that_are_none(world, capsys):
    assert synthesize(world, "--workers", "-1") == 2
    assert "--workers" in capsys.readouterr().err
