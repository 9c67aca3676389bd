"""CUHK03: the new and the classic protocol, boxes, draws."""

import random
import shutil
import sys

import numpy as np
import pytest
import torch
from scipy.io import savemat

from aio_plugin.datasets.rgb.cuhk03 import PUBLISHED
from aio_plugin.errors import DatasetError
from aio_plugin.evaluation.score import score
from aio_plugin.modality import Item, Media
from aio_plugin.protocols.cuhk03 import CUHK03Classic

from .miniatures import EVERY, assert_noted, names_of, pids_of, protocol, read, rgb
from .test_rgb import named, removed_names


def test_cuhk03_np(tmp_path):
    rgb.cuhk03_np("detected")(tmp_path)
    splits = read("cuhk03_np_detected", tmp_path)
    assert named(splits.train)[:2] == [("1_002_1_01.png", 0, 0), ("1_002_2_07.png", 0, 1)]
    assert pids_of(splits.train) == [0, 0, 0, 1, 1, 1, 2, 2]
    assert named(splits.query) == [("1_001_1_01.png", 1001, 0), ("1_017_1_02.png", 1017, 0)]
    assert names_of(splits.gallery) == ["1_001_1_03.png", "1_001_2_06.png", "1_017_2_06.png", "5_003_2_06.png"]
    assert removed_names("cuhk03_np_detected", tmp_path) == {("1_001_1_01", "1_001_1_03")}


@pytest.mark.parametrize(("boxes", "images"), [("detected", 14_097), ("labeled", 14_096)])
def test_cuhk03_published_counts(boxes, images):
    assert PUBLISHED[boxes]["train images"] + 1_400 + PUBLISHED[boxes]["gallery images"] == images


@pytest.mark.parametrize("folder", ["CUHK03-NP", "cuhk03-np", "cuhk03/CUHK03-NP"])
def test_cuhk03_packaged_like_market(tmp_path, folder):
    base = rgb.cuhk03_packaged(tmp_path, folder=folder)
    splits = read("cuhk03_np_labeled", tmp_path)
    assert named(splits.train) == [("0001_c1_1.png", 0, 0), ("0001_c2_6.png", 0, 1), ("0007_c1_3.jpg", 1, 0)]
    assert pids_of(splits.gallery) == [3, 3, 4]
    assert_noted(splits, f"packaging {folder}/labeled")
    assert removed_names("cuhk03_np_labeled", tmp_path) == {("0003_c1_22", "0003_c1_21")}
    shutil.rmtree(base / "labeled/query")
    (base / "labeled/query").mkdir()
    with pytest.raises(DatasetError, match="no images in .*query"):
        read("cuhk03_np_labeled", tmp_path)


def test_cuhk03_repeated_entries_and_odd_names(tmp_path):
    base = rgb.cuhk03_images(tmp_path, "labeled")
    config = rgb.cuhk03_config()
    config["train_idx"] = np.concatenate([config["train_idx"], config["train_idx"][:2]])
    config["filelist"][config["train_idx"][0, 0] - 1, 0] = "6_002_1_01.png"
    savemat(base / "cuhk03_new_protocol_config_labeled.mat", config)
    splits = read("cuhk03_np_labeled", tmp_path)
    assert len(splits.train) == 7
    assert_noted(splits, "2 repeated entries", "1 of 14 names.*6_002_1_01.png")


def test_cuhk03_classic_splits(tmp_path):
    rgb.cuhk03_classic("labeled")(tmp_path)
    for split, test in ((1, {1001, 1017, 5003}), (2, {1002, 1001, 2001}), (20, {1002, 1001, 2001})):
        splits = read("cuhk03_classic_labeled", tmp_path, split=split)
        assert set(pids_of(splits.query)) == test
        assert splits.query == splits.gallery
        assert set(pids_of(splits.train)) == {0, 1, 2}
        assert splits.found == {"images": 14, "train ids": 3, "query ids": 3}
        assert f"split {split} of 20" in protocol("cuhk03_classic_labeled", tmp_path, split=split).name


def test_a_missing_package_says_how_to_install(tmp_path, monkeypatch):
    EVERY["cuhk03_classic_labeled"](tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DatasetError, match="pip install h5py"):
        read("cuhk03_classic_labeled", tmp_path)


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
