"""LUPerson-T: captions without identities."""

import pytest

from aio_plugin.errors import DatasetError

from ..miniatures import read
from ..miniatures import text as made
from ..miniatures.files import write


def captions_of(item):
    return [media.caption for media in item.media.partners]


def names_of(items):
    return [str(item.media).rsplit("/", 1)[-1] for item in items]


def test_luperson_t(tmp_path):
    base = made.luperson_t(tmp_path)
    splits = read("luperson_t", tmp_path)
    assert names_of(splits.train) == [r["file_path"] for r in made.LUPERSON_T_RECORDS]
    assert [captions_of(item) for item in splits.train] == [
        ["A pedestrian 3.", "Someone 3."],
        ["A pedestrian 1.", "Someone 1."],
        ["A pedestrian 12.", "Someone 12."],
    ]
    assert [item.pid for item in splits.train] == [0, 1, 2]
    assert splits.found == {"train images": 3, "train captions": 6}
    write(base / "other.json", "[]")
    with pytest.raises(DatasetError, match="each of LuPerson_caption_all_some_2v.json, other.json"):
        read("luperson_t", tmp_path)
    assert len(read("luperson_t", tmp_path, annotations="LuPerson_caption_all_some_2v.json").train) == 3
