"""What tests share: a small toy world, made once."""

import pytest


@pytest.fixture(scope="session")
def toy_world(tmp_path_factory):
    """Data root of a toy world of 40 training persons."""
    from aio_plugin.toy.layouts import make

    root = tmp_path_factory.mktemp("toy")
    make(str(root / "data"), 40, 3, progress=False)
    return root / "data"
