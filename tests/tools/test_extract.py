"""Features on disk: those of testing, bit for bit, however often it was killed on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

import aio_plugin
from aio_plugin.host.torchreid_import import import_torchreid
from aio_plugin.tools import extract as tool

from ..host.test_run_folder import HOLD
from . import trained

SMALL = ("test.batch_size", 2, "data.workers", 0)


def run(root, weights, out, wanted, *more):
    return trained.command("extract", root, "--weights", weights, "--out", out, "--list", wanted, *more)


def as_tested(root, weights, spec, *overrides):
    """Query and gallery features as testing computes them: torchreid's loading, its manager, our engine."""
    cfg = trained.config(root, "data.targets", [spec], *overrides)
    torchreid = import_torchreid()
    manager = trained.manager(cfg)
    model = torchreid.models.build_model("aio_tiny", num_classes=7, loss=cfg.loss.name)
    torchreid.utils.load_pretrained_weights(model, str(weights))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    engine = torchreid.engine.ImageSoftmaxEngine(manager, model, optimizer, use_gpu=False)
    engine.set_model_mode("eval")
    with torch.no_grad():
        found = [
            torch.cat([engine.extract_features(b) for b in manager.test_loader[spec][part]]).numpy()
            for part in ("query", "gallery")
        ]
    aio_plugin.unregister()
    return found


def items(out, part):
    return [json.loads(line) for line in (out / f"{part}.items.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "query", "dtype"), [("market1501", "", "float32"), ("tri_cuhk_pedes", "rgb+ir+sketch+text", "float16")]
)
def test_features_are_those_of_testing(name, query, dtype, small_world, weights, tmp_path):
    assert run(small_world, weights, tmp_path, name, "--query", query, "--dtype", dtype) == 0
    expected = as_tested(small_world, weights, f"{name}@{query}" if query else name)
    for part, features in zip(("query", "gallery"), expected, strict=True):
        found = np.load(tmp_path / f"{part}.npy", mmap_mode="r")
        about, lines = json.loads((tmp_path / f"{part}.json").read_text()), items(tmp_path, part)
        assert found.dtype == dtype
        assert np.array_equal(found, features.astype(dtype))
        assert about["rows_done"] == about["rows"] == len(found) == len(lines)
        assert about["modalities"] == [query or "rgb" if part == "query" else "rgb"]
        assert len(about["encoder"]["sha256"]) == 64
        assert all((small_world / line["name"]).is_file() for line in lines)
    assert lines[0].keys() == {"name", "pid", "camid", "media"}
    first = items(tmp_path, "query")[0]
    assert list(first["media"]) == (query or "rgb").split("+")
    assert first.get("synthetic", []) == (["ir"] if "ir" in query else [])  # CUHK-PEDES's sketches are the toy's own


class Stop(BaseException):
    """What a kill is to a program that does not hear of it."""


def test_a_run_that_was_stopped_goes_on_at_the_last_whole_block(weights, long_list, tmp_path, monkeypatch):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(tmp_path, weights, whole, long_list, *SMALL) == 0
    computed = []

    def stopping(cfg, model, after=tool.COMMIT_INTERVAL + 3):
        compute = tool_features(cfg, model)

        def one(batch):
            if len(computed) == after:
                raise Stop
            computed.append(len(batch["pid"]))
            return compute(batch)

        return one

    tool_features = tool.features_of
    monkeypatch.setattr(tool, "features_of", stopping)
    with pytest.raises(Stop):
        run(tmp_path, weights, cut, long_list, *SMALL)
    done = json.loads((cut / "gallery.json").read_text())["rows_done"]
    assert done == 2 * tool.COMMIT_INTERVAL < len(items(cut, "gallery"))
    rows = np.load(cut / "gallery.npy", mmap_mode="r+")
    rows[done:] = np.nan  # whatever stood there is computed anew
    rows.flush()
    computed.clear()
    monkeypatch.setattr(tool, "features_of", lambda *given: stopping(*given, after=10**9))
    assert run(tmp_path, weights, cut, long_list, *SMALL) == 0
    assert sum(computed) == len(items(cut, "gallery")) - done
    for name in ("gallery.npy", "gallery.json", "gallery.items.jsonl"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    computed.clear()
    assert run(tmp_path, weights, cut, long_list, *SMALL) == 0
    assert computed == []


def test_nothing_else_is_mixed_in(small_world, weights, tmp_path, capsys):
    file, out = manifest(small_world, tmp_path, query=True), tmp_path / "out"
    assert run(tmp_path, weights, out, file) == 0
    before = (out / "query.npy").read_bytes()
    other = trained.write_checkpoint(small_world, tmp_path / "other" / "model.pth.tar", seed=1)
    for given, what in (
        ((other, out, file), "weights_sha256"),
        ((weights, out, file, "--query", "text"), "list"),
        ((weights, out, file, "--dtype", "float16"), "dtype"),
        ((weights, out, file, "test.batch_size", "50"), "config"),
    ):
        assert run(tmp_path, *given) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert what in said
        assert "another --out" in said
    assert (out / "query.npy").read_bytes() == before
    file.write_text(file.read_text().replace(",p3,", ",p0,"))
    assert run(tmp_path, weights, out, file) == 2
    assert "items_sha256" in capsys.readouterr().err


def test_two_at_once_are_refused(small_world, weights, tmp_path, capsys):
    file, out = manifest(small_world, tmp_path, query=False), tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(out / ".lock")], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as first:
        assert first.stdout.readline() == "held\n"
        assert run(tmp_path, weights, out, file) == 2
        os.killpg(first.pid, signal.SIGKILL)
    assert f"in use by another run (process {first.pid} on" in (said := capsys.readouterr().err)
    assert "give another --out" in said
    assert run(tmp_path, weights, out, file) == 0


def test_an_image_that_was_replaced_under_its_name_is_noticed(small_world, weights, tmp_path, capsys):
    file, out = manifest(small_world, tmp_path, query=False), tmp_path / "out"
    photo = sorted((tmp_path / "photos").glob("*.jpg"))[2]
    assert run(tmp_path, weights, out, file) == 0
    content, times = bytearray(photo.read_bytes()), photo.stat()
    content[-20] ^= 1
    photo.write_bytes(content)
    os.utime(photo, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert run(tmp_path, weights, out, file) == 2
    assert "files_sha256 differ" in capsys.readouterr().err


def flipped(at):
    """Data with one bit changed."""
    return lambda data: data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]


DAMAGED_FEATURES = [
    ("gallery.npy", lambda data: b""),
    ("gallery.npy", lambda data: data[:1000]),
    ("gallery.npy", flipped(20)),
    ("gallery.npy", flipped(130)),
    ("gallery.json", flipped(-6)),
    ("gallery.json", lambda data: b"[" * 100_000),
    ("gallery.json", lambda data: data.replace(b'"rows_done": 45', b'"rows_done": 1e999')),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGED_FEATURES)
def test_damaged_features(name, damage, weights, long_list, tmp_path, capsys):
    assert run(tmp_path, weights, tmp_path / "out", long_list) == 0
    file = tmp_path / "out" / name
    file.write_bytes(damage(file.read_bytes()))
    assert run(tmp_path, weights, tmp_path / "out", long_list) == 2
    assert "another --out" in capsys.readouterr().err


def test_damaged_items_are_written_anew(weights, long_list, tmp_path):
    assert run(tmp_path, weights, tmp_path / "out", long_list) == 0
    items = tmp_path / "out" / "gallery.items.jsonl"
    content = items.read_bytes()
    items.write_bytes(flipped(30)(content))
    assert run(tmp_path, weights, tmp_path / "out", long_list) == 0
    assert items.read_bytes() == content


@pytest.fixture
def long_list(small_world, tmp_path):
    """A gallery of 45 photos."""
    photos = sorted((small_world / "market1501").rglob("*.jpg"))[:45]
    assert len(photos) == 45
    rows = [f"{photo.relative_to(small_world)},p{i},rgb,gallery" for i, photo in enumerate(photos)]
    shutil.copytree(small_world / "market1501", tmp_path / "lists" / "market1501")
    (tmp_path / "lists" / "long.csv").write_text("\n".join(["path,pid,modality,split", *rows]))
    return tmp_path / "lists" / "long.csv"


def manifest(small_world, folder, query):
    shutil.copytree(next((small_world / "market1501").rglob("query")), folder / "photos")
    photos = sorted(path.name for path in (folder / "photos").glob("*.jpg"))[:4]
    rows = [f"photos/{name},,p{i},{i},rgb,gallery,g{i}" for i, name in enumerate(photos)]
    if query:
        rows += [f"photos/{photos[0]},,p0,9,rgb,query,q", ',"a man in a red coat, walking",p0,9,text,query,q']
    (folder / "list.csv").write_text("\n".join(["path,caption,pid,camid,modality,split,group", *rows]) + "\n")
    return folder / "list.csv"


@pytest.mark.parametrize("query", [True, False])
def test_a_list_of_ones_own(query, small_world, weights, tmp_path):
    file, out = manifest(small_world, tmp_path, query), tmp_path / "out"
    more = ("--query", "rgb+text") if query else ()
    assert run(tmp_path / "nowhere", weights, out, file, *more) == 0  # no other dataset has to be there
    assert (out / "query.npy").exists() == query
    assert [item["pid"] for item in items(out, "gallery")] == [0, 1, 2, 3]
    assert items(out, "gallery")[0]["name"].startswith("photos/")
    features = np.load(out / "gallery.npy")
    assert features.shape == (4, 192)
    assert np.allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    if query:
        (only,) = items(out, "query")
        assert set(only["media"]) == {"rgb", "text"}
        assert only["caption"].startswith("a man")
        assert json.loads((out / "query.json").read_text())["modalities"] == ["rgb+text"]


@pytest.mark.parametrize(
    ("wanted", "more", "says"),
    [
        ("absent.csv", (), "no manifest"),
        ("market1501@rgb", ("--query", "rgb"), "leave --query out"),
        ("market1501", ("--query", "text"), "cannot be composed"),
        ("market1501", ("model.name", "osnet_x1_0"), "AIO model"),
        ("market1501", ("aio.bnneck", "shared"), "does not fit"),
        ("market1501", ("aio.encoder.weights", "random"), "trained on encoder"),
    ],
)
def test_what_does_not_go_together(wanted, more, says, small_world, weights, tmp_path, capsys):
    assert run(small_world, weights, tmp_path / "out", wanted, *more) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_weights_that_are_none(small_world, tmp_path, capsys):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_bytes(b"no weights")
    for name in ("absent", "empty", "text"):
        assert run(small_world, tmp_path / name, tmp_path / "out", "market1501") == 2
        assert "--weights" in capsys.readouterr().err


@pytest.mark.slow
def test_kill_9(small_world, weights, tmp_path):
    line = [sys.executable, "-m", "aio_plugin", "extract", "--config-file", trained.CONFIG, "--root", str(small_world)]
    line += ["--weights", str(weights), "--list", "market1501", *map(str, SMALL)]

    def start(out):
        return subprocess.Popen([*line[:4], "--out", str(out), *line[4:]], stderr=subprocess.DEVNULL)

    assert start(tmp_path / "whole").wait() == 0
    for delay in (0.0, 0.3, 0.8):
        out = tmp_path / f"cut{delay}"
        running = start(out)
        while not (out / "query.json").exists():
            time.sleep(0.01)
        time.sleep(delay)
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert start(out).wait() == 0
        assert (out / "query.npy").read_bytes() == (tmp_path / "whole" / "query.npy").read_bytes()
        assert (out / "gallery.npy").read_bytes() == (tmp_path / "whole" / "gallery.npy").read_bytes()
