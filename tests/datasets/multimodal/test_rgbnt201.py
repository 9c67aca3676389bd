"""RGBNT201: queries of one or two images, cameras, removal."""

import shutil

import numpy as np
import pytest

from aio_plugin.datasets import ADAPTERS
from aio_plugin.errors import DatasetError
from aio_plugin.modality import MODALITIES, parse_written

from ..miniatures import multimodal as made
from ..miniatures import read
from ..miniatures.files import image

RGB, IR, SKETCH, TEXT, CP = MODALITIES


def says(notes, text):
    return any(text in note for note in notes)


def removed(name, root, splits, query=None, **options):
    """For every query of the first trial, the paths that leave the gallery."""
    combination = parse_written(query) if query else None
    trial = next(ADAPTERS[name].protocol(str(root), options, combination).trials(splits.query, splits.gallery))
    leaving = trial.query_key[:, None] == trial.gallery_key[None]
    leaving &= trial.gallery_key[None] >= 0
    paths = np.array([str(item.media) for item in splits.gallery])
    return [sorted(paths[row]) for row in leaving]


def test_rgbnt201_splits(tmp_path):
    made.rgbnt201(tmp_path)
    splits = read("rgbnt201", tmp_path)
    kinds = [(item.media.combination, item.pid) for item in splits.train]
    assert kinds.count(((RGB, IR), 0)) == 4
    assert kinds.count(((RGB, IR), 1)) == 3
    assert kinds.count(((RGB,), 1)) == 1, "its infrared picture is absent, not black"
    assert sum(kind == (IR,) for kind, _ in kinds) == 7
    for item in splits.train:
        for partner in item.media.partners:
            assert partner.split("/")[-1] == item.media.split("/")[-1], "aligned pictures have one name"
            assert "/NI/" in partner
    assert {item.camid for item in splits.train} == {0, 1}
    assert [item.pid for item in splits.query] == [7] * 4 + [41] * 4
    assert splits.query == splits.gallery
    assert splits.found == {"train ids": 2, "test ids": 2, "aligned pictures": 15}
    assert says(
        splits.notes, f"1 of 8 training pictures are not in NI and count as without ir; the first: {made.RGBNT_MISSING}"
    )


@pytest.mark.parametrize(("query", "kind"), [("rgb", (RGB,)), ("ir", (IR,)), ("rgb+ir", (RGB, IR))])
def test_rgbnt201_searches_with_one_or_both_in_the_same_or_in_rgb(tmp_path, query, kind):
    made.rgbnt201(tmp_path)
    same = read("rgbnt201", tmp_path, query)
    assert {item.media.combination for item in same.query} == {kind}
    assert same.query == same.gallery
    cross = read("rgbnt201", tmp_path, query, gallery="rgb")
    assert cross.query == same.query
    assert {item.media.combination for item in cross.gallery} == {(RGB,)}
    protocol = [ADAPTERS["rgbnt201"].protocol(str(tmp_path), o, kind).name for o in ({}, {"gallery": "rgb"})]
    assert protocol[0].startswith(f"rgbnt201, {query} searches {query}")
    assert protocol[1].startswith(f"rgbnt201, {query} searches rgb")


def test_rgbnt201_thermal_in_place_of_near_infrared(tmp_path):
    base = made.rgbnt201(tmp_path)
    splits = read("rgbnt201", tmp_path, "rgb+ir", infrared="TI")
    assert {partner.split("/")[-2] for item in splits.query for partner in item.media.partners} == {"TI"}
    assert not says(splits.notes, "count as without")
    assert "ir: TI" in ADAPTERS["rgbnt201"].protocol(str(tmp_path), {"infrared": "TI"}, (IR,)).name
    shutil.rmtree(base / "test/TI")
    read("rgbnt201", tmp_path)
    with pytest.raises(DatasetError, match=r"test/TI.* MISSING"):
        read("rgbnt201", tmp_path, infrared="TI")


def test_rgbnt201_removes_the_same_camera_and_so_the_query_itself(tmp_path):
    made.rgbnt201(tmp_path)
    splits = read("rgbnt201", tmp_path, "rgb+ir")
    for item, gone in zip(splits.query, removed("rgbnt201", tmp_path, splits, "rgb+ir"), strict=True):
        assert str(item.media) in gone
        assert len(gone) == 2
        assert {path.split("/")[-1][:11] for path in gone} == {item.media.split("/")[-1][:11]}


def test_rgbnt201_a_query_has_what_there_is(tmp_path):
    base = made.rgbnt201(tmp_path)
    (base / "test/NI/000007_cam1_0_00.jpg").unlink()
    both = read("rgbnt201", tmp_path, "rgb+ir")
    assert [item.media.combination for item in both.query].count((RGB,)) == 1
    assert len(both.query) == 8
    assert len(read("rgbnt201", tmp_path, "ir").query) == 7
    assert says(both.notes, "1 of 8 test pictures are not in NI")


def test_rgbnt201_damage(tmp_path):
    base = made.rgbnt201(tmp_path)
    image(base / "test/RGB/7_cam1.jpg")
    assert says(read("rgbnt201", tmp_path).notes, "the first: test/RGB/7_cam1.jpg")
    image(base / "test/RGB/000003_cam1_0_00.jpg")
    with pytest.raises(DatasetError, match="1 persons are in train and test, the first 3.*folders train_171 and test"):
        read("rgbnt201", tmp_path)
