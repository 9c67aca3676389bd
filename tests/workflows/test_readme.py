"""The READMEs' commands, typed one after the other in a fresh clone, in both orders; only their sizes are tiny."""

import subprocess
import sys

import pytest

from ..readme import FILES, REPO, blocks
from .runs import STAGES

TINY = f"""
import os, runpy, sys

AIO = ["aio.stages", {STAGES!r}, "train.batch_size", "8", "aio.test.pixels", "False"]
arguments = sys.argv[1:]
if arguments[:3] == ["-m", "aio_plugin", "toy"]:
    arguments += ["--ids", "8"]
elif arguments[1:3] in (["aio_plugin", "main"], ["aio_plugin", "synthesize"], ["aio_plugin", "extract"]):
    arguments += ["train.max_epoch", "2", "train.batch_size", "8"]
    arguments += ["aio.train.steps_per_epoch", "1", "aio.train.warmup_epochs", "0"]
    arguments += AIO if any("aio_tiny" in each for each in arguments) else []
elif arguments[:2] == ["-m", "benchmarks.paper_tables"]:
    from benchmarks.paper_tables import scales

    scales.SCALES["toy"] = scales.toy_scale("toy", 8, (1, 1), 1, (2, 2), 1)
    sys.argv = ["paper_tables", *arguments[2:], "--table", "7", "--seeds", "1", "--results", "log/tables-of-this"]
    sys.argv += ["--set", *AIO]
    sys.exit(runpy.run_module("benchmarks.paper_tables.__main__", run_name="__main__"))
os.execv(sys.executable, [sys.executable, *arguments])
"""
PLACES = {"X.yaml": "configs/toy/aio_tiny_toy.yaml", "DIR": "data/toy-demo", "CKPT": "log/demo/model/last.pth.tar"}
ELSEWHERE = {"pip", "torchrun", "test", "test-slow", "fuzz", "lint"}
"""Installs, takes eight GPUs or many minutes, or is what runs this."""
REAL = "--root DIR --weights", "paper_tables --root", "toy_large", "benchmarks.markdown"


@pytest.fixture
def clone(tmp_path):
    """A clone whose .venv is this environment and makes everything tiny."""
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", REPO, folder], check=True)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "tiny.py").write_text(TINY)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexport PYTHONPATH="$PWD"\nexec {sys.executable} .venv/tiny.py "$@"\n')
    python.chmod(0o755)
    (folder / ".venv" / ".installed").write_bytes(b"")
    return folder


def typed(file):
    """The blocks of commands that can be tried here, with something in every place that a reader fills."""
    for block in blocks(file):
        block = [words for words in block if not ELSEWHERE & {*words[:2]}]
        block = [words for words in block if not any(text in " ".join(words) for text in REAL)]
        places = {**PLACES, "python": ".venv/bin/python"}
        yield [[places.get(word, word) for word in words] for words in block]


def needs_another(block):
    """Whether a block takes what the command of another block leaves."""
    return any({"explain", PLACES["CKPT"]} & {*words} for words in block)


@pytest.mark.slow
@pytest.mark.parametrize("backwards", [False, True])
def test_the_commands_work_one_after_the_other(clone, backwards):
    every = [block for file in FILES for block in typed(file)]
    if backwards:
        every.reverse()
        every.sort(key=needs_another)
    lines = [words for block in every for words in block]
    assert len(lines) >= 12
    for words in lines:
        done = subprocess.run(
            words, cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        print(done.returncode, " ".join(words), flush=True)
        assert done.returncode == 0, done.stdout[-3000:]
        assert "Traceback" not in done.stdout
    assert not list((clone / "data").glob(".*"))
    changed = subprocess.run(["git", "status", "--short"], cwd=clone, capture_output=True, text=True, check=True).stdout
    assert [line for line in changed.splitlines() if not line.startswith("??")] == []
