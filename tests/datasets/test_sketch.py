"""MaSk1K and PKU-Sketch: styles to train on and to search with, queries of one or all sketches, drawn splits."""

import json

import numpy as np
import pytest
import torch

from aio_plugin.datasets.reading import pku_splits
from aio_plugin.errors import DatasetError
from aio_plugin.evaluation.score import score
from aio_plugin.modality import Modality

from .miniatures import assert_noted, camids_of, pids_of, protocol, read, sketch

RGB, SKETCH = Modality.RGB, Modality.SKETCH


def drawn(items):
    return [item for item in items if item.media.modality is SKETCH]


def styles(items):
    return {item.media.split("/sketch/")[1][0] for item in drawn(items)}


def test_mask1k_splits(tmp_path):
    sketch.mask1k(tmp_path)
    splits = read("mask1k", tmp_path)
    photos = [item for item in splits.train if item.media.modality is RGB]
    assert len(photos) == 3 * 2, "person 13 was never drawn"
    assert set(camids_of(photos)) == {0, 5}
    assert len(drawn(splits.train)) == 3 + 5 * 2, "11 is drawn in style A alone"
    assert set(camids_of(drawn(splits.train))) == set(range(6, 12))
    assert set(pids_of(splits.train)) == set(pids_of(drawn(splits.train))) == {0, 1, 2}
    assert sorted(pids_of(splits.query)) == [20] * 6 + [21] * 6
    assert sorted(pids_of(splits.gallery)) == [0, 20, 20, 20, 21, 21]
    assert_noted(splits, "1 of .*-1_c3s1")


def test_mask1k_styles_of_training_and_test_are_chosen_apart(tmp_path):
    sketch.mask1k(tmp_path)
    splits, whole = read("mask1k", tmp_path, train_styles="CB", test_styles="F"), read("mask1k", tmp_path)
    assert styles(splits.train) == {"B", "C"}
    assert set(camids_of(drawn(splits.train))) == {7, 8}
    assert styles(splits.query) == {"F"}
    assert styles(whole.train) == styles(whole.query) == set("ABCDEF")
    assert whole.gallery == splits.gallery, "always all photos"
    assert set(pids_of(splits.train)) == {0, 1}


def test_mask1k_protocol_says_styles_and_mode():
    single = protocol("mask1k", "", test_styles="BA")
    multi = protocol("mask1k", "", test_styles="BA", queries="multi")
    assert (single.grouping, multi.grouping) == ("none", "person")
    assert single.name == "mask1k, styles AB, single query, nothing removed"
    assert multi.name == (
        "mask1k, styles AB, multi-query, mean of the features of all queries of a person, nothing removed"
    )


def test_mask1k_multi_query_has_one_query_a_person(tmp_path):
    sketch.mask1k(tmp_path)
    splits = read("mask1k", tmp_path, test_styles="BDE", queries="multi")
    (trial,) = protocol("mask1k", "", queries="multi").trials(splits.query, splits.gallery)
    assert [pids_of(splits.query[i] for i in parts) for parts in trial.parts] == [[20] * 3, [21] * 3]
    assert [parts[0] for parts in trial.parts] == list(trial.query)
    assert (trial.query_key < 0).all()


def test_mask1k_multi_query_averages_features_of_unit_length(tmp_path):
    sketch.mask1k(tmp_path)
    splits = read("mask1k", tmp_path)
    generator = torch.Generator().manual_seed(3)
    q = torch.randn(len(splits.query), 5, generator=generator) * torch.rand(len(splits.query), 1, generator=generator)
    g = torch.randn(len(splits.gallery), 5, generator=generator)
    result = score(q, g, splits.query, splits.gallery, protocol("mask1k", "", queries="multi"))
    aps = []
    for pid in (20, 21):
        mean = sum(q[i] / q[i].norm() for i, item in enumerate(splits.query) if item.pid == pid)
        similarity = [float(mean @ row / row.norm()) for row in g]
        order = sorted(range(len(g)), key=lambda j: -similarity[j])
        hits = [rank for rank, j in enumerate(order, 1) if splits.gallery[j].pid == pid]
        aps.append(sum(n / rank for n, rank in enumerate(hits, 1)) / len(hits))
    assert result.mAP == pytest.approx(sum(aps) / len(aps), abs=1e-6)
    assert result.trials[0].retrieval.num_query == 2


def test_pku_zero_shot(tmp_path):
    base = sketch.pku_sketch(tmp_path)
    splits = read("pku_sketch", tmp_path)
    assert not splits.train
    pids = pids_of(splits.query)
    assert pids == sorted(pids), "10 stands after 9"
    assert len(splits.gallery) == 2 * len(splits.query)
    assert set(camids_of(splits.gallery)) == {2, 5}
    assert set(camids_of(splits.query)) == {0}
    file = base / "idx_aio/splits_seed0_n10.json"
    stored = json.loads(file.read_text())
    assert len(stored["test"]) == 10
    assert set(pids) == {pid for split in stored["test"] for pid in split}
    assert_noted(splits, stored["sha256"][:12])
    assert read("pku_sketch", tmp_path).query == splits.query
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(DatasetError, match="draw again"):
        read("pku_sketch", tmp_path)


@pytest.mark.parametrize("lists", ["files", "seeded"])
@pytest.mark.parametrize("gone", ["sketch/{}.jpg", "photo/{}_*"])
def test_pku_hash_tells_who_is_scored(tmp_path, gone, lists):
    base = sketch.pku_sketch(tmp_path)
    sketch.pku_lists(base, [(1, 12), (2, 9, 17)], "idx")

    def digest():
        splits = read("pku_sketch", tmp_path, splits=2, lists=lists)
        (note,) = (note for note in splits.notes if "sha256" in note)
        return note.split("sha256 ")[1][:12], sorted({*pids_of(splits.query)} & {*pids_of(splits.gallery)})

    before, tested = digest()
    for path in base.glob(gone.format(tested[0])):
        path.unlink()
    assert digest() == (digest()[0], tested[1:])
    assert digest()[0] != before


def test_pku_folder_has_the_published_name_too(tmp_path):
    wanted = read("pku_sketch", sketch.pku_sketch(tmp_path).parent)
    (tmp_path / "PKU-Sketch").rename(tmp_path / "PKUSketchRE-ID_V1")
    found = read("pku_sketch", tmp_path)
    assert pids_of(found.query) == pids_of(wanted.query)
    assert protocol("pku_sketch", tmp_path).name == "pku_sketch, 10 splits of 4 test persons, nothing removed"
    assert_noted(found, "PKUSketchRE-ID_V1/idx_aio")


def test_pku_training_on_a_split_tests_the_others(tmp_path):
    sketch.pku_sketch(tmp_path)
    splits = read("pku_sketch", tmp_path, split=3)
    tested = set(pids_of(splits.query))
    trained = {int(item.media.split("/")[-1].split(".")[0].split("_")[0]) for item in splits.train}
    assert len(tested) == 4
    assert trained == set(range(1, 18)) - tested
    assert {item.media.modality for item in splits.train} == {RGB, SKETCH}


def test_pku_splits_are_stratified_as_published():
    sizes = {"a": 46, "b": 20, "c": 79, "d": 33, "e": 22}
    assert pku_splits.quarters(sizes) == {"a": 11, "b": 5, "c": 20, "d": 8, "e": 6}
    starts = np.cumsum([1, *sizes.values()])
    artists = {name: range(start, start + sizes[name]) for name, start in zip(sizes, starts[:-1], strict=True)}
    splits = pku_splits.make_splits(artists, seed=0, n=10)
    for split in splits:
        assert [sum(pid in artists[name] for pid in split) for name in sizes] == [11, 5, 20, 8, 6]
        assert split == sorted(set(split))
    assert len({tuple(split) for split in splits}) == 10
    assert pku_splits.make_splits(artists, seed=0, n=3) == splits[:3]
    assert pku_splits.make_splits(artists, seed=1, n=10) != splits


def test_pku_splits_of_seed_0_never_change():
    """Results depend on them: a change here makes every published number of ours incomparable."""
    expected = [[3, 5, 14, 18, 19], [5, 7, 12, 14, 17]]
    assert pku_splits.make_splits({"a": range(8), "b": range(8, 20)}, 0, 2) == expected
    assert pku_splits.make_splits({"b": range(19, 7, -1), "a": range(7, -1, -1)}, 0, 2) == expected


@pytest.mark.parametrize("link", ["idx_aio", "idx_aio/splits_seed0_n10.json"])
def test_pku_saved_splits_do_not_lead_out(tmp_path, link):
    sketch.pku_sketch(tmp_path / "data")
    read("pku_sketch", tmp_path / "data")
    place = tmp_path / "data" / "PKU-Sketch" / link
    place.rename(tmp_path / "outside")
    place.symlink_to(tmp_path / "outside")
    with pytest.raises(DatasetError, match="is a link out of the data root"):
        read("pku_sketch", tmp_path / "data")


def test_pku_read_only_folder_keeps_splits_in_memory(tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise PermissionError("read-only")

    sketch.pku_sketch(tmp_path)
    monkeypatch.setattr(pku_splits, "written_whole", refuse)
    splits = read("pku_sketch", tmp_path)
    assert splits.query
    assert_noted(splits, "read-only")


@pytest.mark.parametrize("folder", ["idx", "chen_idx2"])
def test_pku_lists_on_disk_come_first(tmp_path, folder):
    base = sketch.pku_sketch(tmp_path)
    sketch.pku_lists(base, [(1, 12), (2, 9, 17)], folder)
    splits = read("pku_sketch", tmp_path, splits=2)
    assert pids_of(splits.query) == [1, 2, 9, 12, 17]
    assert_noted(splits, folder)
    assert len(read("pku_sketch", tmp_path, splits=2, split=1).query) == 2
    assert not (base / "idx_aio").exists()
    assert_noted(read("pku_sketch", tmp_path, splits=2, lists="seeded"), "seed 0")
