"""CUHK03: the new and the classic protocol, boxes, configurations, draws."""

import random
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from aio_plugin.datasets import all_adapters
from aio_plugin.errors import DatasetError
from aio_plugin.evaluation.score import score
from aio_plugin.modality import Item, Media
from aio_plugin.protocols.cuhk03 import CUHK03Classic

from ..miniatures import EVERY, read
from ..miniatures import rgb as made

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


def test_cuhk03_np(tmp_path):
    made.cuhk03_np("detected")(tmp_path)
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
    from aio_plugin.datasets.rgb.cuhk03 import PUBLISHED

    assert PUBLISHED["detected"]["train images"] + 1_400 + PUBLISHED["detected"]["gallery images"] == 14_097
    assert PUBLISHED["labeled"]["train images"] + 1_400 + PUBLISHED["labeled"]["gallery images"] == 14_096


@pytest.mark.parametrize("folder", ["CUHK03-NP", "cuhk03-np", "cuhk03/CUHK03-NP"])
def test_cuhk03_packaged_like_market(tmp_path, folder):
    made.cuhk03_packaged(tmp_path, folder=folder)
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
    base = made.cuhk03_images(tmp_path, "labeled")
    savemat(base / "cuhk03_new_protocol_config_labeled.mat", made.cuhk03_config(**changes))
    with pytest.raises(DatasetError, match=says):
        read("cuhk03_np_labeled", tmp_path)


def test_cuhk03_any_cut_configuration_is_a_dataset_error(tmp_path):
    base = made.cuhk03_np("labeled")(tmp_path)
    file = base / "cuhk03_new_protocol_config_labeled.mat"
    whole = file.read_bytes()
    for length in (0, 1, 127, 128, 140, 300, 700, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(DatasetError, match="cuhk03_new_protocol_config_labeled.mat"):
            read("cuhk03_np_labeled", tmp_path)


def test_cuhk03_repeated_entries_and_odd_names(tmp_path):
    base = made.cuhk03_images(tmp_path, "labeled")
    config = made.cuhk03_config()
    config["train_idx"] = np.concatenate([config["train_idx"], config["train_idx"][:2]])
    config["filelist"][config["train_idx"][0, 0] - 1, 0] = "6_002_1_01.png"
    savemat(base / "cuhk03_new_protocol_config_labeled.mat", config)
    splits = read("cuhk03_np_labeled", tmp_path)
    assert len(splits.train) == 7
    assert any("2 repeated entries" in note for note in splits.notes)
    assert any("1 of 14 names" in note and "6_002_1_01.png" in note for note in splits.notes)


def test_cuhk03_images_that_are_not_extracted(tmp_path):
    base = made.cuhk03_np("labeled")(tmp_path)
    made.cuhk03_testsets(base / "cuhk03_release/cuhk-03.mat")
    (base / "images_labeled/1_001_1_01.png").unlink()
    with pytest.raises(DatasetError, match="1 of 14 images.*1_001_1_01.png.*extracted from cuhk-03.mat"):
        read("cuhk03_np_labeled", tmp_path)
    for path in (base / "images_labeled").glob("*.png"):
        path.unlink()
    with pytest.raises(DatasetError, match="0 images.*extracted from cuhk-03.mat"):
        read("cuhk03_classic_labeled", tmp_path)


def test_cuhk03_classic_splits(tmp_path):
    made.cuhk03_classic("labeled")(tmp_path)
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
    base = made.cuhk03_images(tmp_path, "labeled")
    made.cuhk03_testsets(base / "cuhk03_release/cuhk-03.mat", [((1, 1), (4, 9))] * 20)
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
    base = made.cuhk03_images(tmp_path, "labeled")
    made.cuhk03_testsets(base / "cuhk03_release/cuhk-03.mat", sets)
    with pytest.raises(DatasetError, match=says):
        read("cuhk03_classic_labeled", tmp_path)


def test_cuhk03_a_file_that_is_not_the_release(tmp_path):
    base = made.cuhk03_classic("labeled")(tmp_path)
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
    EVERY[name](tmp_path)
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
