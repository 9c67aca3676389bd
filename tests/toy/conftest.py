"""Small toy worlds, drawn once."""

import pytest

from aio_plugin.toy.layouts import make

from .people import IDS


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    return make(tmp_path_factory.mktemp("toy") / "world", IDS, 1, workers=2, progress=False)


@pytest.fixture(scope="session")
def dmf_world(tmp_path_factory):
    return make(tmp_path_factory.mktemp("dmf") / "world", IDS, 1, workers=2, progress=False, sets="dmf")
