"""A small toy world, drawn once."""

from __future__ import annotations

from pathlib import Path

import pytest

from aio_plugin.toy.layouts import make

from .people import IDS


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("toy") / "world", IDS, 1, workers=2, progress=False)
