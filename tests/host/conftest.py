"""What the host tests share: torchreid with and without the plug-in, and a made-up Market-1501."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import aio_plugin
from aio_plugin.host.torchreid_import import import_torchreid

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def torchreid():
    aio_plugin.unregister()
    yield import_torchreid()
    aio_plugin.unregister()


@pytest.fixture
def registered(torchreid):
    aio_plugin.register()
    return torchreid


@pytest.fixture(scope="session")
def market(tmp_path_factory):
    """A data root with a Market-1501 of 8 training and 6 test persons in two cameras, 64 x 32 pixels."""
    root = tmp_path_factory.mktemp("data")
    home = root / "market1501" / "Market-1501-v15.09.15"
    rng = np.random.default_rng(0)

    def write(folder, pid, camera, number):
        picture = rng.integers(0, 60, (64, 32, 3)) + 12 * np.array([pid, (pid * 7) % 16, (pid * 3) % 11])
        path = home / folder / f"{pid:04d}_c{camera}s1_{number:06d}_00.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(path)

    for pid in range(1, 9):
        for number in range(4):
            write("bounding_box_train", pid, 1 + number % 2, number)
    for pid in range(9, 15):
        write("query", pid, 1, 0)
        for number in range(1, 6):
            write("bounding_box_test", pid, 1 + number % 2, number)
    return root


@pytest.fixture(scope="session")
def python():
    """Runs Python with this repository, and whatever else is given, importable."""

    def run(*arguments, path=(), **environment):
        found = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*path, REPOSITORY))), **environment}
        found.update(OMP_NUM_THREADS="1", PYTHONWARNINGS="ignore")
        return subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, env=found, timeout=600, check=False
        )

    return run
