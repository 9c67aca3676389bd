"""Links, damaged images and empty folders in RegDB, RGBNT201 and ORBench."""

import shutil

import pytest
from PIL import Image

from aio_plugin.errors import DatasetError, MediaError
from aio_plugin.training.media import read_image

from ..miniatures import EVERY, read
from ..miniatures import multimodal as made

NAMES = ("regdb", "rgbnt201", "orbench")


def says(notes, text):
    return any(text in note for note in notes)


@pytest.mark.parametrize("name", NAMES)
def test_a_link_out_of_the_root_is_refused(name, tmp_path):
    base = EVERY[name](tmp_path / "data")
    folder = base / {"regdb": "Visible/57", "rgbnt201": "test/RGB", "orbench": "nir/0031"}[name]
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="a link out of the data root"):
        read(name, tmp_path / "data")


@pytest.mark.parametrize("name", NAMES)
def test_a_truncated_image_is_named_when_it_is_opened(name, tmp_path):
    EVERY[name](tmp_path)
    path = read(name, tmp_path).train[0].media
    Image.effect_noise((80, 160), 60).convert("RGB").save(path)
    with open(path, "rb+") as file:
        file.truncate(900)
    assert read(name, tmp_path).train[0].media == path
    with pytest.raises(MediaError, match=path.split("/")[-1]):
        read_image(path)


def test_an_empty_folder_is_no_person(tmp_path):
    base = made.orbench(tmp_path)
    for path in (base / "sk/0900").iterdir():
        path.unlink()
    assert says(read("orbench", tmp_path).notes, "1 of 3 training persons have no sketch, the first 3")
