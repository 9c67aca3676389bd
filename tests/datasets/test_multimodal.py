"""RGBNT201 and ORBench: queries of several images, the lists of ORBench's code, training pairs, removal."""

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aio_plugin.datasets.reading import orbench_lists
from aio_plugin.datasets.reading.checks import Fault
from aio_plugin.datasets.reading.layouts import Tree
from aio_plugin.errors import DatasetError, ModalityError
from aio_plugin.modality import MODALITIES, parse_written

from .miniatures import (
    ADAPTERS,
    assert_noted,
    camids_of,
    captions_of,
    multimodal,
    names_of,
    pids_of,
    protocol,
    read,
    removed,
)

RGB, IR, SKETCH, TEXT, CP = MODALITIES


def test_rgbnt201_splits(tmp_path):
    multimodal.rgbnt201(tmp_path)
    splits = read("rgbnt201", tmp_path)
    kinds = [(item.media.combination, item.pid) for item in splits.train]
    assert kinds.count(((RGB, IR), 0)) == 4
    assert kinds.count(((RGB, IR), 1)) == 3
    assert kinds.count(((RGB,), 1)) == 1, "its infrared picture is absent, not black"
    assert sum(kind == (IR,) for kind, _ in kinds) == 7
    for item in splits.train:
        for partner in item.media.partners:
            assert partner == item.media.replace("/RGB/", "/NI/"), "aligned pictures have one name"
    assert set(camids_of(splits.train)) == {0, 1}
    assert pids_of(splits.query) == [7] * 4 + [41] * 4
    assert splits.found == {"train ids": 2, "test ids": 2, "aligned pictures": 15}
    missing = multimodal.RGBNT_MISSING
    assert_noted(splits, f"1 of 8 training pictures are not in NI and count as without ir; the first: {missing}")


@pytest.mark.parametrize("query", ["rgb", "ir", "rgb+ir"])
def test_rgbnt201_searches_with_one_or_both_in_the_same_or_in_rgb(tmp_path, query):
    multimodal.rgbnt201(tmp_path)
    same, cross = read("rgbnt201", tmp_path, query), read("rgbnt201", tmp_path, query, gallery="rgb")
    assert {item.media.combination for item in same.query} == {parse_written(query)}
    assert same.query == same.gallery == cross.query
    assert {item.media.combination for item in cross.gallery} == {(RGB,)}
    assert protocol("rgbnt201", tmp_path, query).name.startswith(f"rgbnt201, {query} searches {query}")
    assert protocol("rgbnt201", tmp_path, query, gallery="rgb").name.startswith(f"rgbnt201, {query} searches rgb")


def test_rgbnt201_thermal_in_place_of_near_infrared(tmp_path):
    multimodal.rgbnt201(tmp_path)
    splits = read("rgbnt201", tmp_path, "rgb+ir", infrared="TI")
    assert {partner.split("/")[-2] for item in splits.query for partner in item.media.partners} == {"TI"}
    assert not any("count as without" in note for note in splits.notes)
    assert "ir: TI" in protocol("rgbnt201", tmp_path, "ir", infrared="TI").name


def test_rgbnt201_removes_the_same_camera_and_so_the_query_itself(tmp_path):
    multimodal.rgbnt201(tmp_path)
    splits = read("rgbnt201", tmp_path, "rgb+ir")
    same_camera = [
        (item, photo)
        for item in splits.query
        for photo in splits.gallery
        if names_of([item])[0][:11] == names_of([photo])[0][:11]
    ]
    assert removed("rgbnt201", tmp_path, "rgb+ir") == same_camera
    assert len(same_camera) == 2 * len(splits.query)


def test_rgbnt201_a_query_has_what_there_is(tmp_path):
    base = multimodal.rgbnt201(tmp_path)
    (base / "test/NI/000007_cam1_0_00.jpg").unlink()
    both = read("rgbnt201", tmp_path, "rgb+ir")
    assert sorted(len(item.media.combination) for item in both.query) == [1] + [2] * 7
    assert [item.media.combination for item in both.query].count((RGB,)) == 1
    assert len(read("rgbnt201", tmp_path, "ir").query) == 7
    assert_noted(both, "1 of 8 test pictures are not in NI")


def test_orbench_has_the_32_lists_that_its_code_names():
    assert [orbench_lists.list_name(each) for each in ADAPTERS["orbench"].queries] == multimodal.orbench_keys()
    assert [len(ADAPTERS[f"orbench_{n}"].queries) for n in ("one", "two", "three", "four")] == [4, 12, 12, 4]
    assert len(set(ADAPTERS["orbench"].queries)) == 32


def test_orbench_training_pairs_by_folder_and_tells_people_by_id(tmp_path):
    multimodal.orbench(tmp_path)
    splits = read("orbench", tmp_path)
    assert {item.media.split("/")[-2]: item.pid for item in splits.train} == {"0031": 0, "0002": 1, "0900": 2}
    photos = [item for item in splits.train if item.media.modality is RGB]
    assert len(photos) == 6
    assert [captions_of(item) for item in photos if item.pid == 0] == [[f"Folder 0031 photo {k}."] for k in (0, 1)]
    kinds = {(item.media.modality, item.pid) for item in splits.train}
    assert kinds == {(m, pid) for m in (RGB, IR, SKETCH, CP) for pid in range(3)} - {(CP, 2)}
    assert len([item for item in splits.train if item.media.modality is IR]) == 9
    assert_noted(splits, "1 of 3 training persons have no cp, the first 3")
    assert splits.found["train ids"] == 3
    assert splits.published == {"ir queries": 10_425, "train ids": 600, "test ids": 400}


@pytest.mark.parametrize("query", ADAPTERS["orbench"].queries, ids=orbench_lists.list_name)
def test_orbench_every_list_is_read_as_it_stands(tmp_path, query):
    base = multimodal.orbench(tmp_path)
    key = orbench_lists.list_name(query)
    written = parse_written(
        key.replace("NIR", "ir").replace("CP", "cp").replace("SK", "sketch").replace("TEXT", "text")
    )
    assert query[0] is written[0]
    splits = read("orbench", tmp_path, query)
    rows = multimodal.orbench_lists()[key]
    assert len(splits.query) == splits.found[f"{'+'.join(map(str, query))} queries"]
    for item, (pid, *values) in zip(splits.query, rows, strict=True):
        assert item.pid == pid
        assert item.media.combination == query
        parts = {part.modality: part.caption or str(part) for part in item.media.parts}
        assert [parts[modality] for modality in written] == [v if "as in" in v else str(base / v) for v in values]
    assert {item.pid for item in splits.gallery} == {731, 5}
    assert removed("orbench", tmp_path, query) == []


def test_orbench_groups_are_all_their_lists_a_trial_each(tmp_path):
    multimodal.orbench(tmp_path)
    lists = multimodal.orbench_lists()
    for name, size in (("orbench_one", 1), ("orbench_two", 2), ("orbench_three", 3), ("orbench_four", 4)):
        splits = read(name, tmp_path)
        keys = [key for key in multimodal.orbench_keys() if key.count("+") == size - 1]
        assert len(splits.query) == sum(len(lists[key]) for key in keys)
        assert not splits.train
        group = protocol(name, tmp_path)
        assert group.grouping == "combination"
        trials = group.trials(splits.query, splits.gallery)
        assert [len(trial.query) for trial in trials] == [len(lists[key]) for key in keys]
        assert f"all {len(keys)} lists of {name[8:]}" in group.name
    alone = read("orbench_two", tmp_path, "text+cp")
    assert {item.media.combination for item in alone.query} == {(TEXT, CP)}
    assert protocol("orbench_two", tmp_path, "text+cp").name.startswith("orbench, list TEXT+CP")
    with pytest.raises(ModalityError, match="orbench_one has no text.cp queries"):
        read("orbench_one", tmp_path, "text+cp")


def test_orbench_odd_training_records_are_counted(tmp_path):
    first = multimodal.ORBENCH_RECORDS[0]
    shown = {"id": 4, "file_path": "vis/0731/0.jpg", "caption": "In the gallery too."}
    odd = [first, {**first, "caption": "Another."}, {**first, "file_path": "nir/0031/0.jpg"}, shown]
    multimodal.orbench(tmp_path, [*multimodal.ORBENCH_RECORDS, *odd])
    splits = read("orbench", tmp_path)
    (photo,) = [item for item in splits.train if item.media.endswith("vis/0031/0.jpg")]
    assert captions_of(photo) == ["Folder 0031 photo 0.", "Another."]
    assert_noted(
        splits, "1 repeated records of train_annos.json", r"1 of 10 names are not of the form vis/0001/<...>.jpg"
    )
    assert any("1 folders are in training and in the gallery" in n for n in splits.notes if isinstance(n, Fault))


@given(st.text(max_size=40), st.integers(0, 2000), st.sampled_from(["replace", "insert", "cut"]))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_orbench_any_test_file_is_read_or_refused(tmp_path, text, at, how):
    if not (tmp_path / "ORBench").exists():
        multimodal.orbench(tmp_path)
    whole = json.dumps(multimodal.orbench_lists())
    head, tail = whole[:at], whole[at + (len(text) if how == "replace" else 0) :]
    broken = head if how == "cut" else head + text + tail
    (tmp_path / "ORBench/test_gallery_and_queries.json").write_bytes(broken.encode("utf-8", "replace"))
    tree = Tree("orbench", str(tmp_path), "ORBench", ())
    with contextlib.suppress(DatasetError):
        query, gallery, _ = orbench_lists.read_tests(tree, [(CP, TEXT)])
        assert query
        assert gallery
