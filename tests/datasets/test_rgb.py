"""MSMT17, RandPerson, ClonedPerson, UnrealPerson and LUPerson-NL: lists, names, folders, cameras, keys."""

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from aio_plugin.errors import DatasetError

from .miniatures import assert_noted, camids_of, names_of, pids_of, read, removed, rgb
from .miniatures.rgb import LUPERSON_KEYS


def named(items):
    return list(zip(names_of(items), pids_of(items), camids_of(items), strict=True))


def removed_names(name, root):
    return {tuple(Path(item.media).stem for item in pair) for pair in removed(name, root)}


# -- MSMT17 -----------------------------------------------------------------------------------------------------------


def test_msmt17_lists_are_joined_to_their_folders(tmp_path):
    rgb.msmt17(tmp_path)
    splits = read("msmt17_v1", tmp_path)
    assert named(splits.train) == [
        ("0000_000_01_0303morning_0008_0.jpg", 0, 0),
        ("0000_002_04_0303afternoon_0008_10.jpg", 0, 3),
        ("0003_001_15_0302noon_1525_10_ex.jpg", 1, 14),
    ]
    assert all("/train/" in item.media for item in splits.train)
    assert all("/test/" in item.media for item in (*splits.query, *splits.gallery))
    assert pids_of(splits.gallery) == [0, 0, 1, 9]
    assert splits.found["train images"] == 3
    assert_noted(splits, "2 repeated lines")
    assert removed_names("msmt17_v1", tmp_path) == {
        ("0000_000_01_0303morning_0008_0", "0000_001_01_0303morning_0018_0")
    }


def test_msmt17_with_val_counts_every_path_once(tmp_path):
    rgb.msmt17(tmp_path, "v2")
    splits = read("msmt17_v2", tmp_path, train="train+val")
    assert splits.found["train images"] == len({item.media for item in splits.train}) == 4
    assert splits.published["train images"] == 32_621
    assert_noted(splits, r"trained on train\+val: 4 images of 2 persons")
    assert all("mask_t" in item.media for item in (*splits.train, *splits.query, *splits.gallery))


def test_msmt17_all_keeps_test_persons_apart(tmp_path):
    rgb.msmt17(tmp_path, "v2")
    train = read("msmt17_all", tmp_path, version="v2").train
    labels = [{item.pid for item in train if f"/{part}/" in item.media} for part in ("mask_train_v2", "mask_test_v2")]
    assert labels == [{0, 1}, {2, 3, 4}]
    assert len(train) == 10


@pytest.mark.parametrize("folder", ["msmt17/MSMT17_V1", "MSMT17"])
def test_msmt17_where_torchreid_and_transreid_keep_it(tmp_path, folder):
    rgb.msmt17(tmp_path, folder=folder)
    assert read("msmt17_v1", tmp_path).gallery


def test_msmt17_labels_that_are_not_the_folder_are_counted(tmp_path):
    rgb.msmt17(tmp_path, lists={**rgb.MSMT17_LISTS, "gallery": ["0001/0001_002_08_0303noon_0456_2.jpg 7"]})
    splits = read("msmt17_v1", tmp_path)
    assert pids_of(splits.gallery) == [1]
    assert_noted(splits, "1 lines whose label differs from their folder")


# -- RandPerson, ClonedPerson, UnrealPerson ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "top"),
    [("RandPerson", "randperson_subset"), ("RandPerson", "subset"), ("randperson_subset", "randperson_subset")],
)
def test_randperson_subset(tmp_path, folder, top):
    rgb.randperson(tmp_path, top).rename(tmp_path / folder)
    splits = read("randperson", tmp_path)
    assert named(splits.train) == [
        ("000007_s00_c01_f000500.jpg", 0, 1),
        ("000007_s10_c03_f000001.jpg", 0, 18),
        ("000123_s01_c00_f000009.jpg", 1, 2),
        ("000123_s04_c00_f000009.jpg", 1, 8),
    ]
    assert_noted(splits, "1 of 5 names.*s04_c01")


def test_randperson_full(tmp_path):
    base = rgb.randperson_full(tmp_path)
    os.symlink(base / "images", base / "images/scene00/again")  # links that lead back are not followed
    splits = read("randperson", tmp_path, images="full")
    assert named(splits.train) == [("000007_s00_c01_f000500.jpg", 1, 1), ("000003_s10_c03_f000001.jpg", 0, 18)]
    assert splits.published["train images"] == 1_801_816
    with pytest.raises(DatasetError, match="images: full"):
        read("randperson", tmp_path)
    shutil.rmtree(base / "images/scene00")
    (base / "images/scene10/000003_s10_c03_f000001.jpg").unlink()
    with pytest.raises(DatasetError, match=r"Unpack images/scene10/camera2.tar.gz"):
        read("randperson", tmp_path, images="full")


def test_clonedperson(tmp_path):
    rgb.clonedperson(tmp_path)
    splits = read("clonedperson", tmp_path)
    assert named(splits.train) == [("700000_s02_c00_f023389.jpg", 0, 200), ("700004_s02_c01_f023389.jpg", 1, 201)]
    assert [(item.pid, item.camid) for item in splits.gallery] == [(700001, 0), (700001, 200), (700002, 200)]
    assert removed_names("clonedperson", tmp_path) == {("700001_s02_c00_f000001", "700001_s02_c00_f000101")}
    assert splits.found["ids"] == 4


def test_unrealperson_persons_and_cameras(tmp_path):
    base = rgb.unrealperson(tmp_path)
    splits = read("unrealperson", tmp_path)
    pids = {Path(item.media).relative_to(base).parts[0]: item.pid for item in splits.train}
    assert pids["unreal_v1.1"] == pids["unreal_v2.1"] != pids["unreal_v1.2"]
    assert len(set(camids_of(splits.train))) == 3
    assert splits.found == {"train ids": 2, "train images": 3, "cameras": 3}
    assert_noted(splits, "9 of 12 packages are absent or empty.*unreal_v4.3")


# -- LUPerson-NL ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encode", [str, str.encode])
def test_luperson_from_lmdb(tmp_path, encode):
    base = rgb.luperson_nl(tmp_path)
    (base / "keys.pkl").write_bytes(pickle.dumps({**KEYS, "keys": [encode(key) for key in LUPERSON_KEYS]}))
    train = read("luperson_nl", tmp_path).train
    assert [(item.pid, item.camid) for item in train] == [(1, 1), (0, 1), (2, 2)]
    assert [item.media for item in train] == [f"{base}/lmdb/data.mdb#{key}" for key in LUPERSON_KEYS]


def test_luperson_from_files(tmp_path):
    rgb.luperson_files(tmp_path)
    splits = read("luperson_nl", tmp_path, images="files")
    assert [(item.pid, item.camid) for item in splits.train] == [(0, 1), (1, 1), (2, 2)]
    assert_noted(splits, "1 folders of repeated videos.*new york")


class Harm:
    def __reduce__(self):
        return os.system, ("touch harmed",)


KEYS = {"keys": list(LUPERSON_KEYS), "pids": [9, 4, 900]}


def with_key_2(key):
    return {**KEYS, "keys": [*LUPERSON_KEYS[:2], key]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "keys.pkl is empty"),
        (b"\x80", "not a pickle"),
        (b"keys", "not a pickle"),
        (pickle.dumps(KEYS)[:-5], "not a pickle of plain values"),
        ({"keys": Harm(), "pids": []}, "imports posix.system"),
        ({**KEYS, "pids": np.array([9, 4, 900])}, "imports numpy"),
        (b"cos\nsystem\n(S'touch harmed'\ntR.", "imports os.system"),
        (b"Pid\n.", "refers to an external object"),
        ([1, 2], "holds a list, not a dictionary"),
        ({"keys": []}, "no list 'pids'"),
        ({**KEYS, "keys": "abc"}, "no list 'keys'"),
        ({"keys": [], "pids": []}, "empty"),
        ({**KEYS, "pids": [9, 4]}, "3 keys and 2 pids"),
        ({**KEYS, "pids": [9, 4, "900"]}, "entry 2 of 'pids' must be a whole number.*'900'"),
        ({**KEYS, "pids": [9, True, 900]}, "entry 1 of 'pids'"),
        ({**KEYS, "pids": [9, -4, 900]}, "entry 1 of 'pids'"),
        (with_key_2(3), "entry 2 of 'keys' must be a string, got int"),
        (with_key_2(b"\xff"), "entry 2 of 'keys' is not ASCII"),
        ({**KEYS, "keys": [LUPERSON_KEYS[0]] * 3}, "entries 0 and 1 give .* two identities"),
        (with_key_2("\ud800"), "1 of 3 keys"),
        (with_key_2(""), "1 of 3 keys"),
        ({**KEYS, "keys": ["a", "b", "c"]}, "3 of 3 keys|3 of 3 names"),
    ],
)
def test_luperson_bad_keys(tmp_path, monkeypatch, content, says):
    monkeypatch.chdir(tmp_path)
    base = rgb.luperson_nl(tmp_path)
    (base / "keys.pkl").write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    with pytest.raises(DatasetError, match=says):
        read("luperson_nl", tmp_path)
    assert not (tmp_path / "harmed").exists()
