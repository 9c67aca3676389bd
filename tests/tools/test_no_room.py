"""A full disk or a read-only folder is one line that says what to do, and leaves nothing half-written."""

import contextlib
import json
import os
import resource

import pytest
from PIL import Image

from aio_plugin.evaluation import pictures

from . import trained


@contextlib.contextmanager
def files_of_at_most(size):
    """Writing more to a file is an error, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder):
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


TESTED = ("test.evaluate", True, "aio.test.pixels", False, "data.targets", "['market1501']")
COMMANDS = {
    "export": (2000, ("--weights", "{weights}", "--out", "{out}/a.safetensors")),
    "export --back": (2000, ("--weights", "{weights}", "--back", "--out", "{out}/a.pth")),
    "lexicon": (100, ("--root", "{world}", "--out", "{out}/words.json", "--least", 1)),
    "synthesize": (60, ("aio.synthesis.cache", "{out}/sketches", "data.targets", "[]")),
    "extract": (900, ("--list", "market1501", "--weights", "{weights}", "--out", "{out}")),
    "main": (300, ("model.load_weights", "{weights}", "data.save_dir", "{out}", *TESTED)),
    "main, its report": (30_000, ("model.load_weights", "{weights}", "data.save_dir", "{out}", *TESTED)),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk(small_world, weights, tmp_path, capsys, name):
    size, arguments = COMMANDS[name]
    values = {"weights": weights, "out": tmp_path, "world": small_world}
    arguments = [str(each).format(**values) for each in arguments]
    tool = name.split()[0].rstrip(",")
    capsys.readouterr()
    with files_of_at_most(size):
        if tool in ("export", "lexicon"):
            code = trained.main([tool, *arguments, *(["--config-file", trained.CONFIG] if name == "export" else [])])
        else:
            code = trained.command(tool, small_world, *arguments)
    *_, last = capsys.readouterr().err.strip().splitlines()
    assert code == 2
    assert last.startswith("aio-reid: ")
    assert "Free disk" in last or "set aio.synthesis.cache" in last
    left = contents(tmp_path)
    assert not [file for file in left if file.endswith((".tmp", ".part"))]
    assert set(left.values()) <= {0} or name.startswith(("main", "extract"))
    for file in tmp_path.rglob("*.json"):
        json.loads(file.read_text())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(small_world, weights, tmp_path, capsys):
    tmp_path.chmod(0o500)
    arguments = ("model.load_weights", weights, "data.save_dir", tmp_path / "log", *TESTED)
    assert trained.command("main", small_world, *arguments) == 2
    assert "aio-reid: " in capsys.readouterr().err
    tmp_path.chmod(0o700)


def test_a_ranked_list_is_whole_or_not_there(tmp_path, monkeypatch):
    query = type("Query", (), {"media": "q.jpg"})
    result = type("Result", (), {"query": [query]})
    monkeypatch.setattr(pictures, "ranked_pictures", lambda *_: [(0, Image.effect_noise((300, 300), 90))])
    with files_of_at_most(1000), pytest.raises(OSError, match="cannot be written"):
        pictures.write_ranked_lists(result, tmp_path / "lists", 1, None, (1, 1))
    assert contents(tmp_path) == {}
