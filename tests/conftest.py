"""What tests share: a small toy world, made once, and a checkout of torchreid's repository where there is one."""

import os
from pathlib import Path

import pytest

UPSTREAM = "AIO_TORCHREID_UPSTREAM"


def made_world(folder, persons):
    """Data root of a toy world below ``folder``."""
    from aio_plugin.toy.layouts import make

    make(str(folder / "data"), persons, 3, progress=False)
    return folder / "data"


@pytest.fixture(scope="session")
def toy_world(tmp_path_factory):
    """Data root of a toy world of 40 training persons."""
    return made_world(tmp_path_factory.mktemp("toy"), 40)


@pytest.fixture(scope="session")
def upstream():
    """An upstream checkout of deep-person-reid."""
    place = os.environ.get(UPSTREAM)
    if not place:
        pytest.skip(f"set {UPSTREAM} to a checkout of https://github.com/KaiyangZhou/deep-person-reid to run this")
    assert (Path(place) / "torchreid" / "__init__.py").is_file(), f"{UPSTREAM}={place} is no such checkout"
    return Path(place).resolve()
