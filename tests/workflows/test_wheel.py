"""The wheel has all that the package reads, and works from a folder whose name has a blank and an umlaut."""

import os
import subprocess
import sys
import zipfile

import pytest

from ..readme import REPO

pytestmark = pytest.mark.slow


def output(*line, **options):
    return subprocess.run(line, check=True, capture_output=True, text=True, **options).stdout


def test_the_wheel_is_whole(tmp_path):
    source, place = tmp_path / "source", tmp_path / "a place ü"
    output("git", "clone", "--quiet", REPO, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    output(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, source)
    (wheel,) = tmp_path.glob("*.whl")
    tracked = set(output("git", "ls-files", "aio_plugin", cwd=source).splitlines())
    assert tracked == {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("aio_plugin/")}
    output(*pip, "install", "--no-deps", "--target", place, wheel)
    environment = {**os.environ, "PYTHONPATH": str(place)}

    def command(*arguments):
        return output(sys.executable, "-m", "aio_plugin", *arguments, cwd=tmp_path, env=environment)

    code = "import aio_plugin; print(aio_plugin.__file__)"
    assert str(place) in output(sys.executable, "-c", code, cwd=tmp_path, env=environment)
    (tmp_path / "my.yaml").write_text(command("config", "--yaml", "aio_tiny"))
    command("toy", "--root", "data/toy", "--ids", "8")
    stages = "[{'epochs': 1, 'sources': {'synth_pedes': {'quota': 8, 'synthetic': ['ir', 'sketch']}}}]"
    few = ["train.max_epoch", "1", "train.batch_size", "8", "aio.train.steps_per_epoch", "1", "aio.stages", stages]
    few += ["aio.train.warmup_epochs", "0"]
    command("main", "--config-file", "my.yaml", "-t", "market1501", *few)
    assert (tmp_path / "log" / "aio_tiny" / "results.json").is_file()
