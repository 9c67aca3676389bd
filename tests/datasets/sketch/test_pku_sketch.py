"""PKU-Sketch: zero-shot and training splits, drawn here or read from lists."""

import json
import shutil

import numpy as np
import pytest

from aio_plugin.datasets.reading import pku_splits
from aio_plugin.datasets.reading.layouts import Tree
from aio_plugin.errors import DatasetError
from aio_plugin.modality import Modality

from ..miniatures import read
from ..miniatures import sketch as made
from ..miniatures.files import write

IR, RGB, SKETCH = Modality.IR, Modality.RGB, Modality.SKETCH


def test_pku_zero_shot(tmp_path):
    base = made.pku_sketch(tmp_path)
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
    made.pku_sketch(tmp_path)
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
    base = made.pku_sketch(tmp_path)
    first = [item.pid for item in read("pku_sketch", tmp_path).query]
    assert [item.pid for item in read("pku_sketch", tmp_path).query] == first
    file = base / "idx_aio/splits_seed0_n10.json"
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(DatasetError, match="draw again"):
        read("pku_sketch", tmp_path)


def test_pku_read_only_folder_keeps_splits_in_memory(tmp_path, monkeypatch):
    made.pku_sketch(tmp_path)

    def refuse(*_args, **_kwargs):
        raise PermissionError("read-only")

    monkeypatch.setattr(pku_splits, "written_whole", refuse)
    splits = read("pku_sketch", tmp_path)
    assert splits.query
    assert any("read-only" in note for note in splits.notes)


@pytest.mark.parametrize("folder", ["idx", "chen_idx2"])
def test_pku_lists_on_disk_come_first(tmp_path, folder):
    base = made.pku_sketch(tmp_path)
    made.pku_lists(base, [(1, 12), (2, 9, 17)], folder)
    splits = read("pku_sketch", tmp_path, splits=2)
    assert [item.pid for item in splits.query] == [1, 2, 9, 12, 17]
    assert any(folder in note for note in splits.notes)
    assert len(read("pku_sketch", tmp_path, splits=2, split=1).query) == 2
    assert not (base / "idx_aio").exists()
    assert any("seed 0" in note for note in read("pku_sketch", tmp_path, splits=2, lists="seeded").notes)
    with pytest.raises(DatasetError, match="test_sketch_3"):
        read("pku_sketch", tmp_path)


def test_pku_files_without_lists(tmp_path):
    base = made.pku_sketch(tmp_path)
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
    base = made.pku_sketch(tmp_path)
    write(base / "idx/test_sketch_1.txt", line + "\n")
    with pytest.raises(DatasetError, match=says):
        read("pku_sketch", tmp_path, splits=1)


def test_pku_lists_of_different_people(tmp_path):
    base = made.pku_sketch(tmp_path)
    made.pku_lists(base, [(1, 12)])
    write(base / "idx/test_visible_1.txt", "photo/1_05_3.jpg 1\n")
    with pytest.raises(DatasetError, match="the first 12"):
        read("pku_sketch", tmp_path, splits=1)


def test_pku_person_of_two_artists(tmp_path):
    base = made.pku_sketch(tmp_path)
    write(base / "styleAnnotation/d_1.txt", "3\n")
    with pytest.raises(DatasetError, match="3 also has artist a"):
        pku_splits.read_artists(Tree("pku_sketch", str(tmp_path), "PKU-Sketch", ()))
