"""What the tests of the public doors share: made-up images, a config, and a run of the command line in this process."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import aio_plugin
from aio_plugin.__main__ import main
from aio_plugin.datasets import ADAPTERS
from aio_plugin.encoders import ENCODERS
from aio_plugin.losses import LOSSES
from aio_plugin.modality import REGISTRY as MODALITY_REGISTRY
from aio_plugin.registry import PLUGINS

OUTSIDE = Path(__file__).parent / "outside"


def install(folder, name, version, code, **groups):
    """What pip would install of a module: its code, and its entry points ``{group: {name: object}}``."""
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{point} = {name}:{where}" for point, where in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture
def corridor(tmp_path):
    """A data root with the made-up dataset of outside/corridor.py: 5 persons to train on and 3 to test with."""
    rng = np.random.default_rng(0)
    for split, modalities, people in (
        ("train", ("rgb", "ir"), range(5)),
        ("query", ("ir",), range(5, 8)),
        ("gallery", ("rgb",), range(5, 8)),
    ):
        for modality in modalities:
            folder = tmp_path / "corridor" / split / modality
            folder.mkdir(parents=True)
            for person in people:
                for camera in (1, 2):
                    pixels = rng.integers(0, 60, (64, 32, 3)) + 25 * person
                    grey = pixels.mean(2, keepdims=True).repeat(3, 2) if modality == "ir" else pixels
                    Image.fromarray(grey.astype(np.uint8)).save(folder / f"{person}_{camera}_0.png")
    return tmp_path


@pytest.fixture
def train(corridor, tmp_path, monkeypatch, capsys):
    """Trains two steps with plugins and ``aio`` keys, as `aio-reid --plugin ... main --config-file ...` does."""

    def run(*plugins, **aio):
        values = {
            "model": {"name": "aio_tiny"},
            "data": {"root": str(corridor), "sources": ["corridor"], "targets": ["corridor"], "height": 64, "width": 32,
                     "workers": 0, "save_dir": str(tmp_path / "log")},
            "train": {"max_epoch": 1, "batch_size": 4, "print_freq": 1},
            "test": {"dist_metric": "cosine"},
            "aio": {"modalities": ["rgb", "ir"], "train": {"steps_per_epoch": 2}, **aio},
        }  # fmt: skip
        config = tmp_path / "config.yaml"
        config.write_text(yaml.safe_dump(values))
        names = [argument for plugin in plugins for argument in ("--plugin", str(OUTSIDE / f"{plugin}.py"))]
        code = main([*names, "main", "--config-file", str(config)])
        out = capsys.readouterr()
        assert code == 0, out.err
        return out.out, tmp_path / "log"

    monkeypatch.delenv(PLUGINS, raising=False)
    aio_plugin.unregister()
    yield run
    aio_plugin.unregister()


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    """Whatever a test imports and registers is forgotten."""
    monkeypatch.setenv(PLUGINS, "")
    before, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for registry in (ADAPTERS, ENCODERS, LOSSES, MODALITY_REGISTRY):
        for name in registry.outside():
            registry.unregister(name)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(OUTSIDE)):
            del sys.modules[name]
