"""A run's folder of an untrained `aio_tiny` that differs from a fresh one everywhere, written without torchreid."""

import numpy as np
import pytest
import torch
from PIL import Image

import aio_plugin
from aio_plugin.config import parse_config
from aio_plugin.models.build import build_model
from aio_plugin.models.feature_settings import SCHEMA, data_settings

from .fakes import write_pictures

IMAGES = data_settings(64, 32, [0.4, 0.5, 0.6], [0.2, 0.3, 0.25])


def write_model(path, name="aio_tiny", seed=0, record=True, **aio):
    """A checkpoint as a run writes it; returns the model and its file."""
    aio = {"encoder": {"weights": "random"}, "bnneck": "per_modality", **aio}
    torch.manual_seed(seed)
    model = build_model(name, 3, parse_config(aio), (64, 32)).eval()
    with torch.no_grad():
        for value in (*model.parameters(), *(b for n, b in model.named_buffers() if "running" in n)):
            value += 0.02 * torch.rand_like(value)
    content = {"state_dict": model.state_dict(), "epoch": 1, "rank1": 0.5}
    if record:
        run = {"config": {"model": {"name": name}, "aio": aio}, "sources": []}
        content["aio"] = {"schema": SCHEMA, "features": {**model.feature_settings, **IMAGES}, "run": run}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return model, path


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A run's folder."""
    folder = tmp_path_factory.mktemp("run")
    write_model(folder / "model" / "last.pth.tar")
    return folder


@pytest.fixture(scope="session")
def model(run):
    return aio_plugin.load(run, "cpu")


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Six pictures of various sizes and formats."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    paths = []
    for number, (height, width, suffix) in enumerate(
        [(80, 40, "jpg"), (64, 32, "png"), (30, 50, "bmp"), (300, 150, "jpg"), (128, 64, "webp"), (9, 9, "png")]
    ):
        paths.append(folder / f"{number}.{suffix}")
        Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8)).save(paths[-1])
    return paths


@pytest.fixture
def folder(tmp_path):
    return write_pictures(tmp_path / "pictures", 12)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "people.lance"
