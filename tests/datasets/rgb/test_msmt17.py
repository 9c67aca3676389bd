"""MSMT17: lists, versions, folders, copies that are not as published."""

from pathlib import Path

import pytest

from aio_plugin.datasets import all_adapters
from aio_plugin.errors import DatasetError

from ..miniatures import read
from ..miniatures import rgb as made
from ..miniatures.files import image, write

ADAPTERS = all_adapters()


def places(items):
    return [(Path(item.media).name, item.pid, item.camid) for item in items]


def removed(name, root, **options):
    splits = read(name, root, **options)
    trial = next(ADAPTERS[name].protocol(str(root), options).trials(splits.query, splits.gallery))
    return {
        (Path(splits.query[q].media).stem, Path(splits.gallery[g].media).stem)
        for q, query_key in zip(trial.query, trial.query_key, strict=True)
        for g, gallery_key in zip(trial.gallery, trial.gallery_key, strict=True)
        if query_key == gallery_key >= 0
    }


def test_msmt17_lists_are_joined_to_their_folders(tmp_path):
    made.msmt17(tmp_path)
    splits = read("msmt17_v1", tmp_path)
    assert places(splits.train) == [
        ("0000_000_01_0303morning_0008_0.jpg", 0, 0),
        ("0000_002_04_0303afternoon_0008_10.jpg", 0, 3),
        ("0003_001_15_0302noon_1525_10_ex.jpg", 1, 14),
    ]
    assert all("/train/" in item.media for item in splits.train)
    assert all("/test/" in item.media for item in (*splits.query, *splits.gallery))
    assert [item.pid for item in splits.gallery] == [0, 0, 1, 9]
    assert splits.found["train images"] == 3
    assert any("2 repeated lines" in note for note in splits.notes)
    assert removed("msmt17_v1", tmp_path) == {("0000_000_01_0303morning_0008_0", "0000_001_01_0303morning_0018_0")}


def test_msmt17_with_val_counts_every_path_once(tmp_path):
    made.msmt17(tmp_path, "v2")
    splits = read("msmt17_v2", tmp_path, train="train+val")
    assert splits.found["train images"] == len({item.media for item in splits.train}) == 4
    assert splits.published["train images"] == 32_621
    assert any("trained on train+val: 4 images of 2 persons" in note for note in splits.notes)
    assert all("mask_t" in item.media for item in (*splits.train, *splits.query, *splits.gallery))


def test_msmt17_val_is_needed_only_when_asked_for(tmp_path):
    (made.msmt17(tmp_path) / "list_val.txt").unlink()
    assert read("msmt17_v1", tmp_path).train
    with pytest.raises(DatasetError, match=r"list_val.txt +MISSING"):
        read("msmt17_v1", tmp_path, train="train+val")


def test_msmt17_all_keeps_test_persons_apart(tmp_path):
    made.msmt17(tmp_path, "v2")
    train = read("msmt17_all", tmp_path, version="v2").train
    by_folder = {part: {item.pid for item in train if f"/{part}/" in item.media} for part in rgb_folders("v2")}
    assert by_folder == {"mask_train_v2": {0, 1}, "mask_test_v2": {2, 3, 4}}
    assert len(train) == 10


def rgb_folders(version):
    return {"v1": ("train", "test"), "v2": ("mask_train_v2", "mask_test_v2")}[version]


@pytest.mark.parametrize("folder", ["msmt17/MSMT17_V1", "MSMT17"])
def test_msmt17_where_torchreid_and_transreid_keep_it(tmp_path, folder):
    made.msmt17(tmp_path, folder=folder)
    assert read("msmt17_v1", tmp_path).gallery


def test_msmt17_queries_without_gallery_are_noted(tmp_path):
    lists = {**made.MSMT17_LISTS, "query": ["0002/0002_000_01_0303morning_0008_0.jpg 2"]}
    made.msmt17(tmp_path, lists=lists)
    assert any("1 query persons are not in the gallery, the first 2" in n for n in read("msmt17_v1", tmp_path).notes)


def test_msmt17_labels_that_are_not_the_folder_are_counted(tmp_path):
    lists = {**made.MSMT17_LISTS, "gallery": ["0001/0001_002_08_0303noon_0456_2.jpg 7"]}
    made.msmt17(tmp_path, lists=lists)
    splits = read("msmt17_v1", tmp_path)
    assert splits.gallery[0].pid == 1
    assert any("1 lines whose label differs from their folder" in note for note in splits.notes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "list_query.txt lists no images"),
        ("0000/0000_000_01_0303morning_0008_0.jpg\n", "list_query.txt, line 1: must be 'path label'"),
        ("\r\nx.jpg one\r\n", "line 2: must be 'path label'"),
        ("../../etc/passwd 0\n", "does not stay inside"),
        ("0001/0001_009_07_0303noon_0456_1.jpg 1\n", "1 of 1 images listed in MSMT17_V1/list_query.txt"),
        ("0000_c1_0000.jpg 0\n", "repacked in Market-1501's form"),
    ],
)
def test_msmt17_bad_lists(tmp_path, text, says):
    write(made.msmt17(tmp_path) / "list_query.txt", text)
    with pytest.raises(DatasetError, match=says):
        read("msmt17_v1", tmp_path)


def test_msmt17_names_off_the_pattern(tmp_path):
    lines = ["0000/0000_000_16_0303morning_0008_0.jpg 0", "0000/0001_000_01_0303morning_0008_0.jpg 0"]
    made.msmt17(tmp_path, lists={**made.MSMT17_LISTS, "gallery": [*made.MSMT17_LISTS["gallery"], *lines]})
    splits = read("msmt17_v1", tmp_path)
    assert len(splits.gallery) == 4
    assert any("2 of 13 names" in note and lines[0].split()[0] in note for note in splits.notes)


def test_msmt17_not_utf8(tmp_path):
    (made.msmt17(tmp_path) / "list_train.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match="UTF-8"):
        read("msmt17_v1", tmp_path)


@pytest.mark.parametrize("folder", ["MSMT17_V1", "MSMT17"])
def test_msmt17_repacked_copies_are_refused(tmp_path, folder):
    image(tmp_path / folder / "bounding_box_train/0000_c1_0000.jpg")
    for name in ("msmt17_v1", "msmt17_all"):
        with pytest.raises(DatasetError, match=r"bounding_box_train/.*repacked in Market-1501's form.*published"):
            read(name, tmp_path)
