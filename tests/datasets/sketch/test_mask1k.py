"""MaSk1K: splits, styles to train on and to search with, single-query and multi-query."""

import shutil

import pytest
import torch

from aio_plugin.datasets import ADAPTERS
from aio_plugin.errors import ConfigError, DatasetError
from aio_plugin.evaluation.score import score
from aio_plugin.modality import Modality

from ..miniatures import read
from ..miniatures import sketch as made

IR, RGB, SKETCH = Modality.IR, Modality.RGB, Modality.SKETCH


def test_mask1k_splits(tmp_path):
    made.mask1k(tmp_path)
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
    base = made.mask1k(tmp_path)
    splits = read("mask1k", tmp_path, train_styles="BC", test_styles="F")
    assert len({item.pid for item in splits.train}) == 2
    assert {item.camid for item in splits.train if item.media.modality is SKETCH} == {7, 8}
    assert {item.media.split("/")[-3] for item in splits.query} == {"F"}
    shutil.rmtree(base / "sketch/D")
    read("mask1k", tmp_path, train_styles="BC", test_styles="F")
    with pytest.raises(DatasetError, match=r"sketch/D/train +MISSING"):
        read("mask1k", tmp_path)


ADAPTER = ADAPTERS["mask1k"]


def styles(items):
    return {str(item.media).split("/sketch/")[1][0] for item in items if item.media.modality is Modality.SKETCH}


def test_styles_of_training_and_test_are_chosen_apart(tmp_path):
    made.mask1k(tmp_path)
    splits = ADAPTER.read(str(tmp_path), {"train_styles": "CB", "test_styles": "F"}, None)
    assert styles(splits.train) == {"B", "C"}
    assert styles(splits.query) == {"F"}
    whole = ADAPTER.read(str(tmp_path), {}, None)
    assert styles(whole.train) == styles(whole.query) == set("ABCDEF")
    assert [item.media for item in whole.gallery] == [item.media for item in splits.gallery], "always all photos"
    drawn = {item.pid for item in whole.train if item.media.modality is Modality.SKETCH}
    assert {item.pid for item in whole.train} == drawn == {0, 1, 2}, "11 is drawn in style A alone"
    assert {item.pid for item in splits.train} == {0, 1}


def test_the_protocol_says_styles_and_mode(tmp_path):
    single = ADAPTER.protocol("", {"test_styles": "BA"})
    multi = ADAPTER.protocol("", {"test_styles": "BA", "queries": "multi"})
    assert (single.grouping, multi.grouping) == ("none", "person")
    assert single.name == "mask1k, styles AB, single query, nothing removed"
    assert multi.name == (
        "mask1k, styles AB, multi-query, mean of the features of all queries of a person, nothing removed"
    )
    with pytest.raises(ConfigError, match="'multi'"):
        ADAPTER.read(str(tmp_path), {"queries": "mult"}, None)


def test_multi_query_has_one_query_a_person(tmp_path):
    made.mask1k(tmp_path)
    splits = ADAPTER.read(str(tmp_path), {"test_styles": "BDE", "queries": "multi"}, None)
    (trial,) = ADAPTER.protocol("", {"queries": "multi"}).trials(splits.query, splits.gallery)
    people = [{splits.query[i].pid for i in parts} for parts in trial.parts]
    assert people == [{20}, {21}]
    assert [len(parts) for parts in trial.parts] == [3, 3]
    assert [parts[0] for parts in trial.parts] == list(trial.query)
    assert (trial.query_key < 0).all()


def test_multi_query_averages_features_of_unit_length(tmp_path):
    made.mask1k(tmp_path)
    splits = ADAPTER.read(str(tmp_path), {}, None)
    generator = torch.Generator().manual_seed(3)
    q = torch.randn(len(splits.query), 5, generator=generator) * torch.rand(len(splits.query), 1, generator=generator)
    g = torch.randn(len(splits.gallery), 5, generator=generator)
    found = score(q, g, splits.query, splits.gallery, ADAPTER.protocol("", {"queries": "multi"}))
    aps = []
    for pid in sorted({item.pid for item in splits.query}):
        mean = sum(q[i] / q[i].norm() for i, item in enumerate(splits.query) if item.pid == pid)
        likeness = [float(mean @ row / row.norm()) for row in g]
        order = sorted(range(len(g)), key=lambda j: -likeness[j])
        hits = [rank for rank, j in enumerate(order, 1) if splits.gallery[j].pid == pid]
        aps.append(sum(n / rank for n, rank in enumerate(hits, 1)) / len(hits))
    assert found.mAP == pytest.approx(sum(aps) / len(aps), abs=1e-6)
    assert found.trials[0].retrieval.num_query == 2
