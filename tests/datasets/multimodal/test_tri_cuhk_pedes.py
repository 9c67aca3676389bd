"""Tri-CUHK-PEDES: sketches, combinations of queries."""

import pytest

from aio_plugin.errors import DatasetError
from aio_plugin.modality import Modality

from ..miniatures import multimodal as made
from ..miniatures import read
from ..miniatures.text import CUHK_RECORDS

TEST = [record for record in CUHK_RECORDS if record["split"] == "test"]


def below(media, folder):
    return str(media).split(f"/{folder}/")[1]


def test_tri_default_pairs_every_caption_with_its_own_sketch(tmp_path):
    made.tri_cuhk_pedes(tmp_path)
    splits = read("tri_cuhk_pedes", tmp_path)
    assert len(splits.query) == 8
    for item in splits.query:
        sketch, text = item.media.parts
        record = TEST[item.source]
        assert below(sketch, "imgs-sketch2").split(".")[0] == record["file_path"].split(".")[0]
        assert text.caption in [c.strip() for c in record["captions"]]
        assert item.pid == record["id"] == splits.gallery[item.source].pid


@pytest.mark.parametrize(
    ("query", "number"),
    [("sketch", 4), ("text", 8), ("rgb", 4), ("rgb+sketch", 4), ("rgb+text", 8), ("rgb+sketch+text", 8)],
)
def test_tri_combinations(tmp_path, query, number):
    made.tri_cuhk_pedes(tmp_path)
    splits = read("tri_cuhk_pedes", tmp_path, query)
    assert len(splits.query) == number
    assert len(splits.gallery) == 4
    for item in splits.query:
        for media in item.media.parts:
            if media.modality is Modality.RGB:
                assert str(media) == str(splits.gallery[item.source].media)


def test_tri_training_sketches_share_the_pid(tmp_path):
    made.tri_cuhk_pedes(tmp_path)
    splits = read("tri_cuhk_pedes", tmp_path)
    photos = {below(i.media, "imgs").split(".")[0]: i.pid for i in splits.train if i.media.modality is Modality.RGB}
    sketches = {
        below(i.media, "imgs-sketch2").split(".")[0]: i.pid for i in splits.train if i.media.modality is Modality.SKETCH
    }
    assert photos == sketches
    assert len(splits.train) == 6


@pytest.mark.parametrize("folder", ["imgs-sketch", "sketch/aliyun/CUHK", "sketch/aliyun/CUHK-PEDES/imgs"])
def test_tri_sketch_folders(tmp_path, folder):
    made.tri_cuhk_pedes(tmp_path, folder)
    assert folder in read("tri_cuhk_pedes", tmp_path).query[0].media


def test_tri_sketch_folder_option(tmp_path):
    made.tri_cuhk_pedes(tmp_path, "mine/drawn")
    assert "/mine/drawn/" in read("tri_cuhk_pedes", tmp_path, sketches="mine/drawn").query[0].media
    with pytest.raises(DatasetError, match=r"imgs-sketch2/<as imgs> +MISSING  or imgs-sketch,"):
        read("tri_cuhk_pedes", tmp_path)
    with pytest.raises(DatasetError, match=r"theirs.*MISSING"):
        read("tri_cuhk_pedes", tmp_path, sketches="theirs")
    with pytest.raises(DatasetError, match="stay inside"):
        read("tri_cuhk_pedes", tmp_path, sketches="../drawn")


def test_tri_missing_sketches(tmp_path):
    base = made.tri_cuhk_pedes(tmp_path)
    (base / "imgs-sketch2/CUHK01/0363004.png").unlink()
    assert any("1 of 3 training photos have no sketch" in note for note in read("tri_cuhk_pedes", tmp_path).notes)
    (base / "imgs-sketch2/CUHK01/0001.png").unlink()
    with pytest.raises(DatasetError, match=r"the first: CUHK-PEDES/imgs-sketch2/CUHK01/0001\.png"):
        read("tri_cuhk_pedes", tmp_path)
    assert len(read("tri_cuhk_pedes", tmp_path, "text").query) == 8, "text alone needs no sketch"
