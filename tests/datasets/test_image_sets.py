"""SYSU-MM01, LLCM, MaSk1K and PKU-Sketch: who is where, under which camera, in which modality."""

import json
import shutil

import numpy as np
import pytest

from aio_plugin.datasets import ADAPTERS
from aio_plugin.datasets.infrared import sysu_mm01
from aio_plugin.datasets.reading import pku_splits
from aio_plugin.datasets.reading.layouts import Tree
from aio_plugin.datasets.reading.matlab import read_permutations
from aio_plugin.errors import DatasetError, ProtocolError
from aio_plugin.modality import Modality

from . import fixtures

IR, RGB, SKETCH = Modality.IR, Modality.RGB, Modality.SKETCH


def read(name, root, query=None, **options):
    return ADAPTERS[name].read(str(root), options, query)


def tail(item):
    return "/".join(item.media.split("/")[-3:])


# -- SYSU-MM01


def test_sysu_splits(tmp_path):
    fixtures.sysu_mm01(tmp_path)
    splits = read("sysu_mm01", tmp_path)
    assert len(splits.train) == 3 * 6 * 2
    raw = {int(item.media.split("/")[-2]): item.pid for item in splits.train}
    assert raw == {2: 0, 3: 1, 30: 2}
    assert {item.pid for item in splits.query} == {6, 10, 17}
    assert {item.camid for item in splits.query} == {2, 5}
    assert len(splits.query) == 3 * 2 * 2
    assert {item.camid for item in splits.gallery} == {0, 1, 3, 4}
    assert len(splits.gallery) == 13 * (2 * 2 + 3 * 2)
    assert {(item.pid, item.camid) for item in splits.gallery if item.pid == 17} == {(17, 3), (17, 4)}
    for item in (*splits.train, *splits.query, *splits.gallery):
        assert (item.media.modality is IR) == (item.camid in (2, 5))
    assert [tail(item) for item in splits.gallery[:13]] == [f"cam1/0006/{k:04d}.jpg" for k in range(1, 14)]


def test_sysu_options(tmp_path):
    fixtures.sysu_mm01(tmp_path)
    indoor = read("sysu_mm01", tmp_path, mode="indoor", train_ids="train")
    assert {item.camid for item in indoor.gallery} == {0, 1}
    assert {item.pid for item in indoor.gallery} == {6, 10}
    assert len(indoor.query) == 12, "all probes stay, those without a match too"
    assert {int(item.media.split("/")[-2]) for item in indoor.train} == {2, 30}


def test_sysu_permutations(tmp_path):
    base = fixtures.sysu_mm01(tmp_path)
    permutations = read_permutations(str(base / "exp/rand_perm_cam.mat"))
    assert sorted(permutations) == [1, 2, 3, 4, 5, 6]
    assert 17 not in permutations[1]
    assert permutations[4][17].shape == (10, 13)
    assert sorted(permutations[4][17][3]) == list(range(1, 14))


def test_sysu_official_trials_need_their_file(tmp_path):
    base = fixtures.sysu_mm01(tmp_path)
    (base / "data_split").mkdir()
    (base / "exp/rand_perm_cam.mat").rename(base / "data_split/rand_perm_cam.mat")
    read("sysu_mm01", tmp_path)
    shutil.rmtree(base / "data_split")
    with pytest.raises(DatasetError, match="trials: agw"):
        read("sysu_mm01", tmp_path)
    read("sysu_mm01", tmp_path, trials="agw")


def test_sysu_official_trials_need_the_published_images(tmp_path):
    base = fixtures.sysu_mm01(tmp_path)
    (base / "cam4/0017/0005.jpg").unlink()
    with pytest.raises(ProtocolError, match=r"person 17 has 12 images under camera 4.*of 13 images"):
        read("sysu_mm01", tmp_path)
    assert any("gaps in 1 gallery" in note for note in read("sysu_mm01", tmp_path, trials="agw").notes)


def test_sysu_val_list_may_be_missing_only_if_not_used(tmp_path):
    base = fixtures.sysu_mm01(tmp_path)
    (base / "exp/val_id.txt").unlink()
    with pytest.raises(DatasetError, match=r"exp/val_id.txt +MISSING"):
        read("sysu_mm01", tmp_path)
    read("sysu_mm01", tmp_path, train_ids="train")


def test_sysu_published_pools_agree():
    """The counts of the permutation file: cameras 1, 2, 4 and 5 of the 96 test persons."""
    pools = {mode: counts["gallery pool"] for mode, counts in sysu_mm01.PUBLISHED_TEST.items()}
    assert pools == {"all": 1374 + 1565 + 1918 + 1918, "indoor": 1374 + 1565}


# -- LLCM


def test_llcm_splits(tmp_path):
    fixtures.llcm(tmp_path)
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
    fixtures.llcm(tmp_path)
    plain = read("llcm", tmp_path, (RGB,))
    assert {item.media.modality for item in plain.query} == {RGB}
    assert {item.media.modality for item in plain.gallery} == {IR}
    released = read("llcm", tmp_path, (RGB,), vis_to_ir="deen_release")
    assert {item.media.modality for item in released.query} == {IR}
    assert {item.media.modality for item in released.gallery} == {RGB}
    assert any("DEEN" in note for note in released.notes)


def test_llcm_name_and_folder_that_disagree_are_noted(tmp_path):
    base = fixtures.llcm(tmp_path)
    fixtures.image(base / "test_vis/cam2/0003/0003_c07_s1_f1_vis.jpg")
    splits = read("llcm", tmp_path)
    assert any("contradicts their folder, the first test_vis/cam2/0003/0003_c07" in note for note in splits.notes)
    assert 6 in {item.camid for item in splits.gallery}


def test_llcm_person_in_one_list_only_is_noted(tmp_path):
    base = fixtures.llcm(tmp_path)
    lines = (base / "idx/train_nir.txt").read_text().splitlines()
    fixtures.write(base / "idx/train_nir.txt", "\n".join(line for line in lines if "/0042/" not in line))
    assert any("1 of 3 training persons have no ir, the first 42" in n for n in read("llcm", tmp_path).notes)


def test_llcm_person_in_training_and_test_is_an_error(tmp_path):
    base = fixtures.llcm(tmp_path)
    fixtures.image(base / "test_vis/cam2/0004/0004_c02_s1_f1_vis.jpg")
    fixtures.write(base / "idx/test_id.txt", "3,4,5,8")
    with pytest.raises(DatasetError, match="the first 4"):
        read("llcm", tmp_path)


# -- MaSk1K


def test_mask1k_splits(tmp_path):
    fixtures.mask1k(tmp_path)
    splits = read("mask1k", tmp_path)
    photos = [item for item in splits.train if item.media.modality is RGB]
    assert len(photos) == 3 * 2, "person 13 was never drawn"
    assert {item.camid for item in photos} == {0, 5}
    sketches = [item for item in splits.train if item.media.modality is SKETCH]
    assert len(sketches) == 3 + 5 * 2
    assert {item.camid for item in sketches} == set(range(6, 12))
    assert len(splits.query) == 6 * 2
    assert {item.pid for item in splits.query} == {20, 21}
    assert sorted(item.pid for item in splits.gallery) == [0, 20, 20, 20, 21, 21]
    assert any("1 of" in note and "-1_c3s1" in note for note in splits.notes)


def test_mask1k_styles(tmp_path):
    base = fixtures.mask1k(tmp_path)
    splits = read("mask1k", tmp_path, train_styles="BC", test_styles="F")
    assert len({item.pid for item in splits.train}) == 2
    assert {item.camid for item in splits.train if item.media.modality is SKETCH} == {7, 8}
    assert {item.media.split("/")[-3] for item in splits.query} == {"F"}
    shutil.rmtree(base / "sketch/D")
    read("mask1k", tmp_path, train_styles="BC", test_styles="F")
    with pytest.raises(DatasetError, match=r"sketch/D/train +MISSING"):
        read("mask1k", tmp_path)


# -- PKU-Sketch


def test_pku_zero_shot(tmp_path):
    base = fixtures.pku_sketch(tmp_path)
    splits = read("pku_sketch", tmp_path)
    assert not splits.train
    pids = [item.pid for item in splits.query]
    assert pids == sorted(pids), "10 stands after 9"
    assert len(splits.gallery) == 2 * len(splits.query)
    assert {item.camid for item in splits.gallery} == {2, 5}
    assert {item.camid for item in splits.query} == {0}
    stored = json.loads((base / "idx_aio/splits_seed0_n10.json").read_text())
    assert len(stored["test"]) == 10
    assert set(pids) == {pid for split in stored["test"] for pid in split}
    assert any(stored["sha256"][:12] in note for note in splits.notes)


def test_pku_training_on_a_split_tests_the_others(tmp_path):
    fixtures.pku_sketch(tmp_path)
    splits = read("pku_sketch", tmp_path, split=3)
    tested = {item.pid for item in splits.query}
    trained = {int(item.media.split("/")[-1].split(".")[0].split("_")[0]) for item in splits.train}
    assert len(tested) == 4
    assert trained == set(range(1, 18)) - tested
    assert {item.media.modality for item in splits.train} == {RGB, SKETCH}


def test_pku_splits_are_stratified_as_published():
    sizes = {"a": 46, "b": 20, "c": 79, "d": 33, "e": 22}
    assert pku_splits.quarters(sizes) == {"a": 11, "b": 5, "c": 20, "d": 8, "e": 6}
    starts = np.cumsum([1, *sizes.values()])
    artists = {name: range(start, start + sizes[name]) for name, start in zip(sizes, starts[:-1], strict=True)}
    drawn = pku_splits.make_splits(artists, seed=0, n=10)
    for split in drawn:
        assert [sum(pid in artists[name] for pid in split) for name in sizes] == [11, 5, 20, 8, 6]
        assert split == sorted(set(split))
    assert len({tuple(split) for split in drawn}) == 10
    assert pku_splits.make_splits(artists, seed=0, n=3) == drawn[:3]
    assert pku_splits.make_splits(artists, seed=1, n=10) != drawn


def test_pku_splits_of_seed_0_never_change():
    """Results depend on them: a change here makes every published number of ours incomparable."""
    expected = [[3, 5, 14, 18, 19], [5, 7, 12, 14, 17]]
    assert pku_splits.make_splits({"a": range(8), "b": range(8, 20)}, 0, 2) == expected
    assert pku_splits.make_splits({"b": range(19, 7, -1), "a": range(7, -1, -1)}, 0, 2) == expected


def test_pku_written_splits_that_were_edited_are_refused(tmp_path):
    base = fixtures.pku_sketch(tmp_path)
    first = [item.pid for item in read("pku_sketch", tmp_path).query]
    assert [item.pid for item in read("pku_sketch", tmp_path).query] == first
    file = base / "idx_aio/splits_seed0_n10.json"
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(DatasetError, match="draw again"):
        read("pku_sketch", tmp_path)


def test_pku_read_only_folder_keeps_splits_in_memory(tmp_path, monkeypatch):
    fixtures.pku_sketch(tmp_path)

    def refuse(*_args, **_kwargs):
        raise PermissionError("read-only")

    monkeypatch.setattr(pku_splits.os, "makedirs", refuse)
    splits = read("pku_sketch", tmp_path)
    assert splits.query
    assert any("read-only" in note for note in splits.notes)


@pytest.mark.parametrize("folder", ["idx", "chen_idx2"])
def test_pku_lists_on_disk_come_first(tmp_path, folder):
    base = fixtures.pku_sketch(tmp_path)
    fixtures.pku_lists(base, [(1, 12), (2, 9, 17)], folder)
    splits = read("pku_sketch", tmp_path, splits=2)
    assert [item.pid for item in splits.query] == [1, 2, 9, 12, 17]
    assert any(folder in note for note in splits.notes)
    assert len(read("pku_sketch", tmp_path, splits=2, split=1).query) == 2
    assert not (base / "idx_aio").exists()
    assert any("seed 0" in note for note in read("pku_sketch", tmp_path, splits=2, lists="seeded").notes)
    with pytest.raises(DatasetError, match="test_sketch_3"):
        read("pku_sketch", tmp_path)


def test_pku_files_without_lists(tmp_path):
    base = fixtures.pku_sketch(tmp_path)
    with pytest.raises(DatasetError, match="lists: seeded"):
        read("pku_sketch", tmp_path, lists="files")
    shutil.rmtree(base / "styleAnnotation")
    with pytest.raises(DatasetError, match="styleAnnotation.*MISSING"):
        read("pku_sketch", tmp_path)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("sketch/17.jpg", "path pid"),
        ("sketch/17.jpg 17 0 3 9", "path pid"),
        ("sketch/17.jpg x", "identity"),
        ("sketch/17.jpg 16", "not an image of person 16"),
        ("../sketch/17.jpg 17", "stay inside"),
        ("", "empty"),
    ],
)
def test_pku_bad_lists(tmp_path, line, says):
    base = fixtures.pku_sketch(tmp_path)
    fixtures.write(base / "idx/test_sketch_1.txt", line + "\n")
    with pytest.raises(DatasetError, match=says):
        read("pku_sketch", tmp_path, splits=1)


def test_pku_lists_of_different_people(tmp_path):
    base = fixtures.pku_sketch(tmp_path)
    fixtures.pku_lists(base, [(1, 12)])
    fixtures.write(base / "idx/test_visible_1.txt", "photo/1_05_3.jpg 1\n")
    with pytest.raises(DatasetError, match="the first 12"):
        read("pku_sketch", tmp_path, splits=1)


def test_pku_person_of_two_artists(tmp_path):
    base = fixtures.pku_sketch(tmp_path)
    fixtures.write(base / "styleAnnotation/d_1.txt", "3\n")
    with pytest.raises(DatasetError, match="3 also stands under artist a"):
        pku_splits.read_artists(Tree("pku_sketch", str(tmp_path), "PKU-Sketch", ()))
