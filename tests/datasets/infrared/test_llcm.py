"""LLCM: splits, directions, lists."""

import pytest

from aio_plugin.errors import DatasetError
from aio_plugin.modality import Modality

from ..miniatures import infrared as made
from ..miniatures import read
from ..miniatures.files import image, write

IR, RGB, SKETCH = Modality.IR, Modality.RGB, Modality.SKETCH


def test_llcm_splits(tmp_path):
    made.llcm(tmp_path)
    splits = read("llcm", tmp_path)
    assert len(splits.train) == 12
    assert {int(item.media.split("/")[-2]): item.pid for item in splits.train} == {1: 0, 4: 1, 42: 2}
    assert {item.camid for item in splits.train} == {0, 4}
    assert {(item.media.modality, item.media.split("/")[-3]) for item in splits.train} == {(RGB, "vis"), (IR, "nir")}
    assert {item.media.modality for item in splits.query} == {IR}
    assert {item.camid for item in splits.query} == {0, 1, 9}, "infrared camera 3 is empty"
    assert {item.camid for item in splits.gallery} == {0, 1, 2, 9}
    assert {item.pid for item in splits.gallery} == {3, 5, 8}
    assert len(splits.gallery) == 4 * 3 * 2
    order = [(item.camid, item.pid) for item in splits.gallery]
    assert order == sorted(order), "cameras in numeric order"


def test_llcm_directions(tmp_path):
    made.llcm(tmp_path)
    plain = read("llcm", tmp_path, (RGB,))
    assert {item.media.modality for item in plain.query} == {RGB}
    assert {item.media.modality for item in plain.gallery} == {IR}
    released = read("llcm", tmp_path, (RGB,), vis_to_ir="deen_release")
    assert {item.media.modality for item in released.query} == {IR}
    assert {item.media.modality for item in released.gallery} == {RGB}
    assert any("DEEN" in note for note in released.notes)


def test_llcm_name_and_folder_that_disagree_are_noted(tmp_path):
    base = made.llcm(tmp_path)
    image(base / "test_vis/cam2/0003/0003_c07_s1_f1_vis.jpg")
    splits = read("llcm", tmp_path)
    assert any("contradicts their folder, the first test_vis/cam2/0003/0003_c07" in note for note in splits.notes)
    assert 6 in {item.camid for item in splits.gallery}


def test_llcm_person_in_one_list_only_is_noted(tmp_path):
    base = made.llcm(tmp_path)
    lines = (base / "idx/train_nir.txt").read_text().splitlines()
    write(base / "idx/train_nir.txt", "\n".join(line for line in lines if "/0042/" not in line))
    assert any("1 of 3 training persons have no ir, the first 42" in n for n in read("llcm", tmp_path).notes)


def test_llcm_person_in_training_and_test_is_an_error(tmp_path):
    base = made.llcm(tmp_path)
    image(base / "test_vis/cam2/0004/0004_c02_s1_f1_vis.jpg")
    write(base / "idx/test_id.txt", "3,4,5,8")
    with pytest.raises(DatasetError, match="the first 4"):
        read("llcm", tmp_path)
