"""What the tests of tools share: a world small enough to be gone through many times, and a model of it."""

import pytest

from ..conftest import made_world
from . import trained


@pytest.fixture(scope="session")
def small_world(tmp_path_factory):
    """Data root of a toy world of 10 training persons."""
    return made_world(tmp_path_factory.mktemp("small"), 10)


@pytest.fixture(scope="session")
def weights(small_world, tmp_path_factory):
    """A checkpoint of `aio_tiny` in a run's folder."""
    return trained.write_checkpoint(small_world, tmp_path_factory.mktemp("run") / "model" / "model.pth.tar-3")
