"""The RGB-only datasets: splits, identities, cameras, counts, removal; and what damaged copies say."""

import io
import os
import pickle
import random
import shutil
import sys
import tracemalloc
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from aio_plugin.datasets import all_adapters
from aio_plugin.datasets.storage import lmdb_images as packed
from aio_plugin.datasets.storage.stored_photos import PhotoStore
from aio_plugin.errors import ConfigError, DatasetError, MediaError, ProtocolError
from aio_plugin.evaluation.score import score
from aio_plugin.modality import Item, Media, Modality
from aio_plugin.protocols.cuhk03 import CUHK03Classic
from aio_plugin.training.media import read_image

from . import fixtures_rgb as rgb
from .fixtures import image, write
from .fixtures_rgb import LUPERSON_KEYS, RGB_BUILDERS

ADAPTERS = all_adapters()
SEARCHED = sorted(name for name in RGB_BUILDERS if ADAPTERS[name].queries)
TRAINED = sorted(set(RGB_BUILDERS) - set(SEARCHED))


def read(name, root, **options):
    return ADAPTERS[name].read(str(root), options, None)


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


# -- what holds for all -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(RGB_BUILDERS))
def test_every_set_reads(name, tmp_path):
    RGB_BUILDERS[name](tmp_path)
    splits = read(name, tmp_path)
    assert ADAPTERS[name].name == name
    labels = {item.pid for item in splits.train}
    assert labels == set(range(len(labels)))
    for items in (splits.train, splits.query, splits.gallery):
        assert all(item.camid >= 0 and item.media.parts == (item.media,) for item in items)
        assert all(item.media.modality is Modality.RGB for item in items)
        assert all(read_image(item.media).size == (8, 16) for item in items)
        assert len({item.media for item in items}) == len(items)
    assert list(pickle.loads(pickle.dumps(splits.train))) == list(splits.train)
    assert set(splits.published) <= set(splits.found)
    assert any("found (published)" in note for note in splits.notes)


@pytest.mark.parametrize("name", sorted(RGB_BUILDERS))
def test_a_missing_folder_shows_the_tree(name, tmp_path):
    with pytest.raises(DatasetError, match=r"MISSING(?s:.*)MISSING(?s:.*)MISSING"):
        read(name, tmp_path)


@pytest.mark.parametrize("name", TRAINED)
def test_training_sets_are_no_targets(name, tmp_path):
    RGB_BUILDERS[name](tmp_path)
    assert not read(name, tmp_path).query
    with pytest.raises(ProtocolError, match="training only"):
        ADAPTERS[name].protocol(str(tmp_path), {})


@pytest.mark.parametrize(
    ("name", "option", "value", "says"),
    [
        ("msmt17_v1", "train", "val", "train"),
        ("msmt17_all", "version", "v3", "'v"),
        ("msmt17_v2", "version", "v1", "Unknown option"),
        ("cuhk03_classic_labeled", "split", 21, "1 to 20"),
        ("cuhk03_classic_labeled", "split", "1", "type int"),
        ("cuhk03_np_labeled", "split", 1, "Unknown option"),
        ("randperson", "images", "all", "full"),
        ("luperson_nl", "images", "lmdbs", "'lmdb'"),
        ("clonedperson", "split", 1, "Unknown option"),
        ("unrealperson", "split", 1, "Unknown option"),
    ],
)
def test_options_are_checked(name, option, value, says, tmp_path):
    RGB_BUILDERS[name](tmp_path)
    with pytest.raises(ConfigError, match=says):
        read(name, tmp_path, **{option: value})


def outside(base, relative):
    """Replace a file or folder by a link to one outside the data root."""
    away = base.parent.parent / "outside"
    (base / relative).rename(away)
    os.symlink(away, base / relative)


@pytest.mark.parametrize(
    ("name", "linked"),
    [
        ("msmt17_v1", "test/0001"),
        ("cuhk03_np_detected", "images_detected"),
        ("cuhk03_classic_detected", "images_detected/1_001_1_01.png"),
        ("randperson", "randperson_subset"),
        ("clonedperson", "test/query"),
        ("unrealperson", "unreal_v2.1/images"),
        ("luperson_nl", "lmdb"),
        ("luperson_nl", "keys.pkl"),
    ],
)
def test_links_out_of_the_data_root(name, linked, tmp_path):
    outside(RGB_BUILDERS[name](tmp_path / "root"), linked)
    with pytest.raises(DatasetError, match="link out of the data root"):
        read(name, tmp_path / "root")


# -- MSMT17 -----------------------------------------------------------------------------------------------------------


def test_msmt17_lists_are_joined_to_their_folders(tmp_path):
    rgb.msmt17(tmp_path)
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
    rgb.msmt17(tmp_path, "v2")
    splits = read("msmt17_v2", tmp_path, train="train+val")
    assert splits.found["train images"] == len({item.media for item in splits.train}) == 4
    assert splits.published["train images"] == 32_621
    assert any("trained on train+val: 4 images of 2 persons" in note for note in splits.notes)
    assert all("mask_t" in item.media for item in (*splits.train, *splits.query, *splits.gallery))


def test_msmt17_val_is_needed_only_when_asked_for(tmp_path):
    (rgb.msmt17(tmp_path) / "list_val.txt").unlink()
    assert read("msmt17_v1", tmp_path).train
    with pytest.raises(DatasetError, match=r"list_val.txt +MISSING"):
        read("msmt17_v1", tmp_path, train="train+val")


def test_msmt17_all_keeps_test_persons_apart(tmp_path):
    rgb.msmt17(tmp_path, "v2")
    train = read("msmt17_all", tmp_path, version="v2").train
    by_folder = {part: {item.pid for item in train if f"/{part}/" in item.media} for part in rgb_folders("v2")}
    assert by_folder == {"mask_train_v2": {0, 1}, "mask_test_v2": {2, 3, 4}}
    assert len(train) == 10


def rgb_folders(version):
    return {"v1": ("train", "test"), "v2": ("mask_train_v2", "mask_test_v2")}[version]


@pytest.mark.parametrize("folder", ["msmt17/MSMT17_V1", "MSMT17"])
def test_msmt17_where_torchreid_and_transreid_keep_it(tmp_path, folder):
    rgb.msmt17(tmp_path, folder=folder)
    assert read("msmt17_v1", tmp_path).gallery


def test_msmt17_queries_without_gallery_are_noted(tmp_path):
    lists = {**rgb.MSMT17_LISTS, "query": ["0002/0002_000_01_0303morning_0008_0.jpg 2"]}
    rgb.msmt17(tmp_path, lists=lists)
    assert any("1 query persons are not in the gallery, the first 2" in n for n in read("msmt17_v1", tmp_path).notes)


def test_msmt17_labels_that_are_not_the_folder_are_counted(tmp_path):
    lists = {**rgb.MSMT17_LISTS, "gallery": ["0001/0001_002_08_0303noon_0456_2.jpg 7"]}
    rgb.msmt17(tmp_path, lists=lists)
    splits = read("msmt17_v1", tmp_path)
    assert splits.gallery[0].pid == 1
    assert any("1 lines whose label differs from their folder" in note for note in splits.notes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "name no images"),
        ("0000/0000_000_01_0303morning_0008_0.jpg\n", "list_query.txt, line 1: must be 'path label'"),
        ("\r\nx.jpg one\r\n", "line 2: must be 'path label'"),
        ("../../etc/passwd 0\n", "does not stay inside"),
        ("0001/0001_009_07_0303noon_0456_1.jpg 1\n", "1 of 1 images listed in MSMT17_V1/list_query.txt"),
        ("0000_c1_0000.jpg 0\n", "repacked in Market-1501's form"),
    ],
)
def test_msmt17_bad_lists(tmp_path, text, says):
    write(rgb.msmt17(tmp_path) / "list_query.txt", text)
    with pytest.raises(DatasetError, match=says):
        read("msmt17_v1", tmp_path)


def test_msmt17_names_off_the_pattern(tmp_path):
    lines = ["0000/0000_000_16_0303morning_0008_0.jpg 0", "0000/0001_000_01_0303morning_0008_0.jpg 0"]
    rgb.msmt17(tmp_path, lists={**rgb.MSMT17_LISTS, "gallery": [*rgb.MSMT17_LISTS["gallery"], *lines]})
    splits = read("msmt17_v1", tmp_path)
    assert len(splits.gallery) == 4
    assert any("2 of 13 names" in note and lines[0].split()[0] in note for note in splits.notes)


def test_msmt17_not_utf8(tmp_path):
    (rgb.msmt17(tmp_path) / "list_train.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match="UTF-8"):
        read("msmt17_v1", tmp_path)


@pytest.mark.parametrize("folder", ["MSMT17_V1", "MSMT17"])
def test_msmt17_repacked_copies_are_refused(tmp_path, folder):
    image(tmp_path / folder / "bounding_box_train/0000_c1_0000.jpg")
    for name in ("msmt17_v1", "msmt17_all"):
        with pytest.raises(DatasetError, match=r"bounding_box_train/.*repacked in Market-1501's form.*published"):
            read(name, tmp_path)


# -- CUHK03, new protocol ---------------------------------------------------------------------------------------------


def test_cuhk03_np(tmp_path):
    rgb.cuhk03_np("detected")(tmp_path)
    splits = read("cuhk03_np_detected", tmp_path)
    assert places(splits.train)[:2] == [("1_002_1_01.png", 0, 0), ("1_002_2_07.png", 0, 1)]
    assert [item.pid for item in splits.train] == [0, 0, 0, 1, 1, 1, 2, 2]
    assert places(splits.query) == [("1_001_1_01.png", 1001, 0), ("1_017_1_02.png", 1017, 0)]
    assert [name for name, _, _ in places(splits.gallery)] == [
        "1_001_1_03.png",
        "1_001_2_06.png",
        "1_017_2_06.png",
        "5_003_2_06.png",
    ]
    assert removed("cuhk03_np_detected", tmp_path) == {("1_001_1_01", "1_001_1_03")}
    with pytest.raises(DatasetError, match=r"images_labeled.*MISSING"):
        read("cuhk03_np_labeled", tmp_path)


def test_cuhk03_published_counts():
    from aio_plugin.datasets.rgb.cuhk03_np import PUBLISHED

    assert PUBLISHED["detected"]["train images"] + 1_400 + PUBLISHED["detected"]["gallery images"] == 14_097
    assert PUBLISHED["labeled"]["train images"] + 1_400 + PUBLISHED["labeled"]["gallery images"] == 14_096


@pytest.mark.parametrize("folder", ["CUHK03-NP", "cuhk03-np", "cuhk03/CUHK03-NP"])
def test_cuhk03_packaged_like_market(tmp_path, folder):
    rgb.cuhk03_packaged(tmp_path, folder=folder)
    splits = read("cuhk03_np_labeled", tmp_path)
    assert places(splits.train) == [("0001_c1_1.png", 0, 0), ("0001_c2_6.png", 0, 1), ("0007_c1_3.jpg", 1, 0)]
    assert [item.pid for item in splits.gallery] == [3, 3, 4]
    assert any(f"packaging {folder}/labeled" in note for note in splits.notes)
    assert removed("cuhk03_np_labeled", tmp_path) == {("0003_c1_22", "0003_c1_21")}
    shutil.rmtree(tmp_path / folder / "labeled/query")
    (tmp_path / folder / "labeled/query").mkdir()
    with pytest.raises(DatasetError, match="no images in .*query"):
        read("cuhk03_np_labeled", tmp_path)


def positions(*numbers):
    return np.array([numbers], np.uint16).T


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"labels": None}, "no variable 'labels'"),
        ({"labels": positions(1, 2)}, "14 names, labels 2 numbers"),
        ({"labels": np.ones((14, 1))}, "disagree on who is the same person, first at"),
        ({"labels": np.full((14, 1), 0.5)}, "whole numbers expected"),
        ({"labels": np.full((14, 1), np.nan)}, "whole numbers expected"),
        ({"labels": "fourteen"}, "numbers expected"),
        ({"query_idx": positions(0, 1)}, "query_idx does not count from 1 to 14"),
        ({"query_idx": positions(15)}, "query_idx does not count from 1 to 14"),
        ({"gallery_idx": np.zeros((0, 0))}, "gallery_idx does not count"),
        ({"filelist": np.arange(14)}, "not a file name"),
        ({"train_idx": positions(*range(1, 15))}, "persons are in train and test, the first 1001"),
    ],
)
def test_cuhk03_bad_configurations(tmp_path, changes, says):
    base = rgb.cuhk03_images(tmp_path, "labeled")
    savemat(base / "cuhk03_new_protocol_config_labeled.mat", rgb.cuhk03_config(**changes))
    with pytest.raises(DatasetError, match=says):
        read("cuhk03_np_labeled", tmp_path)


def test_cuhk03_any_cut_configuration_is_a_dataset_error(tmp_path):
    base = rgb.cuhk03_np("labeled")(tmp_path)
    file = base / "cuhk03_new_protocol_config_labeled.mat"
    whole = file.read_bytes()
    for length in (0, 1, 127, 128, 140, 300, 700, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(DatasetError, match="cuhk03_new_protocol_config_labeled.mat"):
            read("cuhk03_np_labeled", tmp_path)


def test_cuhk03_repeated_entries_and_odd_names(tmp_path):
    base = rgb.cuhk03_images(tmp_path, "labeled")
    config = rgb.cuhk03_config()
    config["train_idx"] = np.concatenate([config["train_idx"], config["train_idx"][:2]])
    config["filelist"][config["train_idx"][0, 0] - 1, 0] = "6_002_1_01.png"
    savemat(base / "cuhk03_new_protocol_config_labeled.mat", config)
    splits = read("cuhk03_np_labeled", tmp_path)
    assert len(splits.train) == 7
    assert any("2 repeated entries" in note for note in splits.notes)
    assert any("1 of 14 names" in note and "6_002_1_01.png" in note for note in splits.notes)


def test_cuhk03_images_that_are_not_extracted(tmp_path):
    base = rgb.cuhk03_np("labeled")(tmp_path)
    rgb.cuhk03_testsets(base / "cuhk03_release/cuhk-03.mat")
    (base / "images_labeled/1_001_1_01.png").unlink()
    with pytest.raises(DatasetError, match="1 of 14 images.*1_001_1_01.png.*extracted from cuhk-03.mat"):
        read("cuhk03_np_labeled", tmp_path)
    for path in (base / "images_labeled").glob("*.png"):
        path.unlink()
    with pytest.raises(DatasetError, match="0 images.*extracted from cuhk-03.mat"):
        read("cuhk03_classic_labeled", tmp_path)


# -- CUHK03, classic protocol -----------------------------------------------------------------------------------------


def test_cuhk03_classic_splits(tmp_path):
    rgb.cuhk03_classic("labeled")(tmp_path)
    for split, test in ((1, {1001, 1017, 5003}), (2, {1002, 1001, 2001}), (20, {1002, 1001, 2001})):
        splits = read("cuhk03_classic_labeled", tmp_path, split=split)
        assert {item.pid for item in splits.query} == test
        assert splits.query == splits.gallery
        assert {item.pid for item in splits.train} == {0, 1, 2}
        assert splits.found == {"images": 14, "train ids": 3, "query ids": 3}
        assert (
            f"split {split} of 20" in ADAPTERS["cuhk03_classic_labeled"].protocol(str(tmp_path), {"split": split}).name
        )


def test_cuhk03_classic_persons_without_images_are_noted(tmp_path):
    base = rgb.cuhk03_images(tmp_path, "labeled")
    rgb.cuhk03_testsets(base / "cuhk03_release/cuhk-03.mat", [((1, 1), (4, 9))] * 20)
    assert any("1 test persons of split 1" in note for note in read("cuhk03_classic_labeled", tmp_path).notes)


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        ([((1, 1),)] * 19, "testsets has 19 cells, not 20"),
        ([((1, 1, 1),)] * 20, "test set 1 is not a list"),
        ([(1, 1)] * 20, "test set 1 is not a list"),
        ([((1, 1.5),)] * 20, "whole numbers"),
    ],
)
def test_cuhk03_bad_test_sets(tmp_path, sets, says):
    base = rgb.cuhk03_images(tmp_path, "labeled")
    rgb.cuhk03_testsets(base / "cuhk03_release/cuhk-03.mat", sets)
    with pytest.raises(DatasetError, match=says):
        read("cuhk03_classic_labeled", tmp_path)


def test_cuhk03_a_file_that_is_not_the_release(tmp_path):
    base = rgb.cuhk03_classic("labeled")(tmp_path)
    file = base / "cuhk03_release/cuhk-03.mat"
    whole = file.read_bytes()
    for content in (b"", b"x" * 600, whole[:200], whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(DatasetError, match="cuhk-03.mat is not CUHK03's"):
            read("cuhk03_classic_labeled", tmp_path)
    import h5py

    with h5py.File(file, "w") as other:
        other["testsets"] = np.arange(20)
    with pytest.raises(DatasetError, match="cuhk-03.mat is not CUHK03's"):
        read("cuhk03_classic_labeled", tmp_path)


@pytest.mark.parametrize(
    ("package", "name"), [("h5py", "cuhk03_classic_labeled"), ("lmdb", "luperson_nl")], ids=["h5py", "lmdb"]
)
def test_missing_packages_say_how_to_install(tmp_path, monkeypatch, package, name):
    RGB_BUILDERS[name](tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DatasetError, match=f"pip install {package}"):
        read(name, tmp_path)


def people(count, seed):
    """Persons in two cameras with one to five images each, every fifth in one camera only; features of 8."""
    rng = random.Random(seed)
    items = [
        Item(Media(f"{pid:02d}_{camera}_{n}.png"), pid, camera)
        for pid in range(count)
        for camera in ((0,) if pid % 5 == 0 else (0, 1))
        for n in range(rng.randint(1, 5))
    ]
    noise = torch.Generator().manual_seed(seed)
    centres = torch.randn(count, 8, generator=noise)
    features = torch.stack([centres[item.pid] for item in items]) + torch.randn(len(items), 8, generator=noise)
    return items, features


def test_classic_trials_count_every_query_once_a_repeat():
    items, _ = people(12, 0)
    trials = list(CUHK03Classic("x").trials(items, items))
    assert [trial.name for trial in trials[:3]] == ["repeat 1a", "repeat 1b", "repeat 2a"]
    assert len({tuple(trial.gallery) for trial in trials}) > 10
    for first, second in zip(trials[::2], trials[1::2], strict=True):
        assert sorted([*first.query, *second.query]) == list(range(len(items)))
        for trial in (first, second):
            assert sorted(items[g].pid for g in trial.gallery) == list(range(12)), "one image a person"
            drawn = {items[g].pid: items[g].camid for g in trial.gallery}
            for q, key in zip(trial.query, trial.query_key, strict=True):
                kept = drawn[items[q].pid] != items[q].camid
                assert kept == (items[q].pid % 5 != 0)
                assert kept == (key not in trial.gallery_key)


def test_classic_draws_of_seed_0_never_change():
    items, _ = people(6, 0)
    again = [list(map(int, trial.gallery)) for trial in CUHK03Classic("x").trials(items, items)][:2]
    assert again == SEED_0


SEED_0 = [[3, 8, 16, 18, 30, 34], [0, 6, 9, 21, 25, 33]]


def slow_rank_1(items, features, repeats, seed):
    """Every query's own gallery: one image of each person, less those of its own person and camera."""
    rng = random.Random(seed)
    features = torch.nn.functional.normalize(features).tolist()
    hits = []
    for query, mine in zip(items, features, strict=True):
        pools = {}
        for item, feature in zip(items, features, strict=True):
            if (item.pid, item.camid) != (query.pid, query.camid):
                pools.setdefault(item.pid, []).append(sum(a * b for a, b in zip(mine, feature, strict=True)))
        if query.pid not in pools:
            continue
        for _ in range(repeats):
            drawn = {pid: rng.choice(pool) for pid, pool in pools.items()}
            hits.append(max(drawn, key=drawn.get) == query.pid)
    return sum(hits) / len(hits)


def test_classic_agrees_with_a_gallery_drawn_for_every_query():
    items, features = people(15, 1)
    result = score(features, features, items, items, CUHK03Classic("x", repeats=150))
    expected = slow_rank_1(items, features, 150, 0)
    assert 0.2 < expected < 0.9
    assert result.rank(1) == pytest.approx(expected, abs=0.02)


# -- RandPerson, ClonedPerson, UnrealPerson ---------------------------------------------------------------------------


@pytest.mark.parametrize("top", ["randperson_subset", "subset"])
def test_randperson_subset(tmp_path, top):
    rgb.randperson(tmp_path, top)
    splits = read("randperson", tmp_path)
    assert places(splits.train) == [
        ("000007_s00_c01_f000500.jpg", 0, 1),
        ("000007_s10_c03_f000001.jpg", 0, 18),
        ("000123_s01_c00_f000009.jpg", 1, 2),
        ("000123_s04_c00_f000009.jpg", 1, 8),
    ]
    assert any("1 of 5 names" in note and "s04_c01" in note for note in splits.notes)
    with pytest.raises(DatasetError, match="images: subset"):
        read("randperson", tmp_path, images="full")


def test_randperson_full(tmp_path):
    base = rgb.randperson_full(tmp_path)
    splits = read("randperson", tmp_path, images="full")
    assert places(splits.train) == [("000007_s00_c01_f000500.jpg", 1, 1), ("000003_s10_c03_f000001.jpg", 0, 18)]
    assert splits.published["train images"] == 1_801_816
    with pytest.raises(DatasetError, match="images: full"):
        read("randperson", tmp_path)
    shutil.rmtree(base / "images/scene00")
    (base / "images/scene10/000003_s10_c03_f000001.jpg").unlink()
    with pytest.raises(DatasetError, match=r"Unpack images/scene10/camera2.tar.gz"):
        read("randperson", tmp_path, images="full")


def test_randperson_folders_that_lead_back_are_passed_over(tmp_path):
    base = rgb.randperson_full(tmp_path)
    os.symlink(base / "images", base / "images/scene00/again")
    assert len(read("randperson", tmp_path, images="full").train) == 2


def test_clonedperson(tmp_path):
    base = rgb.clonedperson(tmp_path)
    splits = read("clonedperson", tmp_path)
    assert places(splits.train) == [("700000_s02_c00_f023389.jpg", 0, 200), ("700004_s02_c01_f023389.jpg", 1, 201)]
    assert [(pid, camera) for _, pid, camera in places(splits.gallery)] == [(700001, 0), (700001, 200), (700002, 200)]
    assert removed("clonedperson", tmp_path) == {("700001_s02_c00_f000001", "700001_s02_c00_f000101")}
    assert splits.found["ids"] == 4
    image(base / "train/700002_s02_c00_f000001.jpg")
    with pytest.raises(DatasetError, match="1 persons are in train and test, the first 700002"):
        read("clonedperson", tmp_path)
    shutil.rmtree(base / "train")
    (base / "train").mkdir()
    with pytest.raises(DatasetError, match="no images in .*train"):
        read("clonedperson", tmp_path)


def test_unrealperson_persons_and_cameras(tmp_path):
    base = rgb.unrealperson(tmp_path)
    splits = read("unrealperson", tmp_path)
    who = {Path(item.media).relative_to(base).parts[0]: (item.pid, item.camid) for item in splits.train}
    assert who["unreal_v1.1"][0] == who["unreal_v2.1"][0] != who["unreal_v1.2"][0]
    assert len({camera for _, camera in who.values()}) == 3
    assert splits.found == {"train ids": 2, "train images": 3, "cameras": 3}
    assert any("9 of 12 packages are absent or empty" in note and "unreal_v4.3" in note for note in splits.notes)


def test_unrealperson_without_packages(tmp_path):
    base = rgb.unrealperson(tmp_path)
    for package in ("v1.1", "v1.2", "v2.1"):
        shutil.rmtree(base / f"unreal_{package}")
    with pytest.raises(DatasetError, match="no images in .*unreal_v4.3/images"):
        read("unrealperson", tmp_path)
    shutil.rmtree(base / "unreal_v4.3")
    with pytest.raises(DatasetError, match="no folder like unreal_v1.1/"):
        read("unrealperson", tmp_path)


@pytest.mark.parametrize("name", ["randperson", "clonedperson", "unrealperson"])
def test_names_off_the_pattern(name, tmp_path):
    base = RGB_BUILDERS[name](tmp_path)
    for number, path in enumerate(sorted(base.rglob("*.*g"))):
        if path.stat().st_size and not path.name.startswith("."):
            path.rename(path.with_name(f"person{number}.jpg"))
    with pytest.raises(DatasetError, match="names are not of the form .*Restore"):
        read(name, tmp_path)


# -- LUPerson-NL ------------------------------------------------------------------------------------------------------


def test_luperson_from_lmdb(tmp_path):
    base = rgb.luperson_nl(tmp_path)
    train = read("luperson_nl", tmp_path).train
    assert [(item.pid, item.camid) for item in train] == [(1, 1), (0, 1), (2, 2)]
    assert [item.media for item in train] == [f"{base}/lmdb/data.mdb#{key}" for key in LUPERSON_KEYS]
    assert [item.pid for item in train[1:]] == [0, 2]
    assert train[-1].camid == 2


def test_luperson_from_files(tmp_path):
    rgb.luperson_files(tmp_path)
    splits = read("luperson_nl", tmp_path, images="files")
    assert [(item.pid, item.camid) for item in splits.train] == [(0, 1), (1, 1), (2, 2)]
    assert any("1 folders of repeated videos" in note and "new york" in note for note in splits.notes)


def test_luperson_repeated_keys_count_once(tmp_path):
    rgb.luperson_nl(tmp_path, [*LUPERSON_KEYS, LUPERSON_KEYS[0]], (9, 4, 900, 9))
    splits = read("luperson_nl", tmp_path)
    assert len(splits.train) == 3
    assert any("1 repeated keys of keys.pkl" in note for note in splits.notes)


def test_luperson_identities_that_are_not_the_keys_are_noted(tmp_path):
    rgb.luperson_nl(tmp_path, pids=(9, 4, 901))
    assert any("identities of 1 images" in note for note in read("luperson_nl", tmp_path).notes)


class Harm:
    def __reduce__(self):
        return os.system, ("touch harmed",)


KEYS = {"keys": list(LUPERSON_KEYS), "pids": [9, 4, 900]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a pickle of plain values"),
        (b"\x80", "not a pickle"),
        (b"keys", "not a pickle"),
        (pickle.dumps(KEYS)[:-5], "not a pickle"),
        (pickle.dumps({"keys": Harm(), "pids": []}), "imports posix.system"),
        (pickle.dumps({**KEYS, "pids": np.array([9, 4, 900])}), "imports numpy"),
        (b"cos\nsystem\n(S'touch harmed'\ntR.", "imports os.system"),
        (b"Pid\n.", "refers to an external object"),
        (pickle.dumps([1, 2]), "holds a list, not a dictionary"),
        (pickle.dumps({"keys": []}), "no list 'pids'"),
        (pickle.dumps({**KEYS, "keys": "abc"}), "no list 'keys'"),
        (pickle.dumps({"keys": [], "pids": []}), "empty"),
        (pickle.dumps({**KEYS, "pids": [9, 4]}), "3 keys and 2 pids"),
        (pickle.dumps({**KEYS, "pids": [9, 4, "900"]}), "entry 2 of 'pids' must be a whole number.*'900'"),
        (pickle.dumps({**KEYS, "pids": [9, True, 900]}), "entry 1 of 'pids'"),
        (pickle.dumps({**KEYS, "pids": [9, -4, 900]}), "entry 1 of 'pids'"),
        (pickle.dumps({**KEYS, "keys": [*LUPERSON_KEYS[:2], 3]}), "entry 2 of 'keys' must be a string, got int"),
        (pickle.dumps({**KEYS, "keys": [*LUPERSON_KEYS[:2], b"\xff"]}), "entry 2 of 'keys' is not ASCII"),
        (pickle.dumps({**KEYS, "keys": [LUPERSON_KEYS[0]] * 3}), "entries 0 and 1 give .* two identities"),
        (pickle.dumps({**KEYS, "keys": [*LUPERSON_KEYS[:2], "\ud800"]}), "1 of 3 keys"),
        (pickle.dumps({**KEYS, "keys": [*LUPERSON_KEYS[:2], ""]}), "1 of 3 keys"),
        (pickle.dumps({**KEYS, "keys": ["a", "b", "c"]}), "3 of 3 keys|3 of 3 names"),
    ],
)
def test_luperson_bad_keys(tmp_path, monkeypatch, content, says):
    monkeypatch.chdir(tmp_path)
    base = rgb.luperson_nl(tmp_path)
    (base / "keys.pkl").write_bytes(content)
    with pytest.raises(DatasetError, match=says if content else "keys.pkl is empty"):
        read("luperson_nl", tmp_path)
    assert not (tmp_path / "harmed").exists()


def test_luperson_keys_may_be_bytes(tmp_path):
    base = rgb.luperson_nl(tmp_path)
    (base / "keys.pkl").write_bytes(pickle.dumps({**KEYS, "keys": [key.encode() for key in LUPERSON_KEYS]}))
    assert len(read("luperson_nl", tmp_path).train) == 3


def test_luperson_absent_images_name_the_first(tmp_path):
    rgb.luperson_nl(tmp_path, stored=LUPERSON_KEYS[:1])
    with pytest.raises(DatasetError, match=f"2 of 3 keys.*the first: {LUPERSON_KEYS[1]}"):
        read("luperson_nl", tmp_path)


def test_luperson_damaged_lmdb(tmp_path):
    base = rgb.luperson_nl(tmp_path)
    file = base / "lmdb/data.mdb"
    whole = file.read_bytes()
    for content, says in ((b"x" * 9000, "cannot be opened as an LMDB"), (whole[:8192], "cut short"), (b"", "is empty")):
        file.write_bytes(content)
        with pytest.raises(DatasetError, match=says):
            read("luperson_nl", tmp_path)


# -- packed images ----------------------------------------------------------------------------------------------------


def test_packed_images_are_read_as_files_are(tmp_path):
    out = io.BytesIO()
    Image.new("L", (5, 7), 40).save(out, "PNG")
    with lmdb.open(str(tmp_path / "lmdb"), map_size=1 << 22) as environment, environment.begin(write=True) as stored:
        stored.put(b"whole", out.getvalue())
        stored.put(b"cut", out.getvalue()[:-30])
        stored.put(b"text", b"no image")
    path = packed.prefix(str(tmp_path / "lmdb"))
    assert read_image(Media(f"{path}whole")).size == (5, 7)
    assert read_image(f"{path}whole").mode == "RGB"
    for key, says in (("cut", "Cannot read.*#cut"), ("text", "Cannot read.*#text"), ("none", "no image 'none'")):
        with pytest.raises(MediaError, match=says):
            read_image(f"{path}{key}")
    with pytest.raises(DatasetError, match="cannot be opened"):
        read_image(packed.prefix(str(tmp_path / "elsewhere")) + "whole")


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_read_packed_images(tmp_path, context):
    rgb.luperson_nl(tmp_path)
    train = read("luperson_nl", tmp_path).train
    read_image(train[0].media)  # open here before the workers start
    loader = torch.utils.data.DataLoader(Sizes(train), batch_size=None, num_workers=1, multiprocessing_context=context)
    assert list(loader) == [[8, 16]] * 3
    assert read_image(train[2].media).size == (8, 16)


class Sizes(torch.utils.data.Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return list(read_image(self.items[index].media).size)


def test_photos_are_compact_and_a_sequence():
    number = 20_000
    tracemalloc.start()
    named = ((f"{n:05d}_{n:06d}", number - n, n % 7) for n in range(number))
    photos = PhotoStore("/data/lmdb/data.mdb#", named).photos()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert size < 45 * number
    assert photos[0] == Item(Media("/data/lmdb/data.mdb#00000_000000"), number - 1, 0)
    assert photos[-1] == photos[number - 1]
    assert photos[3:5] == [photos[3], photos[4]]
    assert photos.cameras == 7
    assert photos.arrays["identities"][0] == 1
    with pytest.raises(IndexError, match="20000 of 20000"):
        photos[number]


def test_truncated_images_are_named_when_read(tmp_path):
    rgb.randperson(tmp_path)
    media = read("randperson", tmp_path).train[0].media
    Path(media).write_bytes(Path(media).read_bytes()[:-30])
    with pytest.raises(MediaError, match="000007_s00_c01_f000500.jpg"):
        read_image(media)


def test_randperson_in_a_folder_named_as_the_subset(tmp_path):
    base = rgb.randperson(tmp_path)
    base.rename(tmp_path / "randperson_subset")
    assert len(read("randperson", tmp_path).train) == 4
