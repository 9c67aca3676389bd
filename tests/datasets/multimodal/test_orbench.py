"""ORBench: the lists of its code, training pairs, damage."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aio_plugin.datasets import ADAPTERS
from aio_plugin.datasets.reading import orbench_lists
from aio_plugin.datasets.reading.checks import Fault
from aio_plugin.datasets.reading.layouts import Tree
from aio_plugin.errors import DatasetError, ModalityError
from aio_plugin.modality import MODALITIES, parse_written

from ..miniatures import multimodal as made
from ..miniatures import read
from ..miniatures.files import write

RGB, IR, SKETCH, TEXT, CP = MODALITIES


def says(notes, text):
    return any(text in note for note in notes)


def raw(items):
    """folder -> label of training items that lie in a person's folder."""
    return {item.media.split("/")[-2]: item.pid for item in items}


def removed(name, root, splits, query=None, **options):
    """For every query of the first trial, the paths that leave the gallery."""
    combination = parse_written(query) if query else None
    trial = next(ADAPTERS[name].protocol(str(root), options, combination).trials(splits.query, splits.gallery))
    leaving = trial.query_key[:, None] == trial.gallery_key[None]
    leaving &= trial.gallery_key[None] >= 0
    paths = np.array([str(item.media) for item in splits.gallery])
    return [sorted(paths[row]) for row in leaving]


def test_orbench_has_the_32_lists_that_its_code_names():
    assert [orbench_lists.list_name(each) for each in ADAPTERS["orbench"].queries] == made.orbench_keys()
    assert [len(ADAPTERS[f"orbench_{n}"].queries) for n in ("one", "two", "three", "four")] == [4, 12, 12, 4]
    assert len(set(ADAPTERS["orbench"].queries)) == 32


def test_orbench_training_pairs_by_folder_and_tells_people_by_id(tmp_path):
    made.orbench(tmp_path)
    splits = read("orbench", tmp_path)
    assert raw([item for item in splits.train if item.media.modality is not TEXT]) == {"0031": 0, "0002": 1, "0900": 2}
    photos = [item for item in splits.train if item.media.modality is RGB]
    assert len(photos) == 6
    assert {item.media.partners[0].caption for item in photos if item.pid == 0} == {
        "Folder 0031 photo 0.",
        "Folder 0031 photo 1.",
    }
    kinds = {(item.media.modality, item.pid) for item in splits.train}
    assert kinds == {(m, pid) for m in (RGB, IR, SKETCH, CP) for pid in range(3)} - {(CP, 2)}
    assert len([item for item in splits.train if item.media.modality is IR]) == 9
    assert says(splits.notes, "1 of 3 training persons have no cp, the first 3")
    assert splits.found["train ids"] == 3
    assert splits.published == {"ir queries": 10_425, "train ids": 600, "test ids": 400}


@pytest.mark.parametrize("key", made.orbench_keys())
def test_orbench_every_list_is_read_as_it_stands(tmp_path, key):
    base = made.orbench(tmp_path)
    name = key.replace("NIR", "ir").replace("CP", "cp").replace("SK", "sketch").replace("TEXT", "text")
    (wanted,) = [each for each in ADAPTERS["orbench"].queries if orbench_lists.list_name(each) == key]
    assert wanted[0] is parse_written(name)[0]
    splits = ADAPTERS["orbench"].read(str(tmp_path), {}, wanted)
    rows = made.orbench_lists()[key]
    assert len(splits.query) == len(rows) == splits.found[f"{'+'.join(map(str, wanted))} queries"]
    for item, (pid, *values) in zip(splits.query, rows, strict=True):
        assert item.pid == pid
        assert item.media.combination == wanted
        parts = {part.modality: part.caption or str(part) for part in item.media.parts}
        columns = [parts[modality] for modality in parse_written(name)]
        assert columns == [value if "as in" in value else str(base / value) for value in values]
    assert {item.pid for item in splits.gallery} == {731, 5}
    assert removed("orbench", tmp_path, splits, None) == [[]] * len(rows)


def test_orbench_groups_are_all_their_lists_a_trial_each(tmp_path):
    made.orbench(tmp_path)
    lists = made.orbench_lists()
    for name, size in (("orbench_one", 1), ("orbench_two", 2), ("orbench_three", 3), ("orbench_four", 4)):
        splits = read(name, tmp_path)
        keys = [key for key in made.orbench_keys() if key.count("+") == size - 1]
        assert len(splits.query) == sum(len(lists[key]) for key in keys)
        assert not splits.train
        protocol = ADAPTERS[name].protocol(str(tmp_path), {}, None)
        assert protocol.grouping == "combination"
        trials = list(protocol.trials(splits.query, splits.gallery))
        assert [len(trial.query) for trial in trials] == [len(lists[key]) for key in keys]
        assert f"all {len(keys)} lists of {name[8:]}" in protocol.name
    alone = read("orbench_two", tmp_path, "text+cp")
    assert {item.media.combination for item in alone.query} == {(TEXT, CP)}
    assert ADAPTERS["orbench_two"].protocol(str(tmp_path), {}, (TEXT, CP)).name.startswith("orbench, list TEXT+CP")
    with pytest.raises(ModalityError, match="orbench_one has no text.cp queries"):
        read("orbench_one", tmp_path, "text+cp")


def damaged(**changes):
    lists = made.orbench_lists()
    for key, change in changes.items():
        name = key.replace("_AND_", "+")
        lists[name] = change(lists[name])
    return lists


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: {}, "CP.TEXT must be a list that is not empty"),
        (lambda rows: [], "CP.TEXT must be a list that is not empty"),
        (lambda rows: [*rows, 5], "CP.TEXT, row 3: must be an identity and 2 strings"),
        (lambda rows: [["731", *rows[0][1:]]], "row 0: must be an identity"),
        (lambda rows: [[True, *rows[0][1:]]], "row 0: must be an identity"),
        (lambda rows: [[-1, *rows[0][1:]]], "row 0: must be an identity"),
        (lambda rows: [rows[0][:2]], "row 0: must be an identity and 2 strings"),
        (lambda rows: [[*rows[0], "x"]], "row 0: must be an identity and 2 strings"),
        (lambda rows: [[731, "cp/0731/0.jpg", None]], "row 0: must be .* got .731, 'cp/0731/0.jpg', None"),
        (lambda rows: [[731, "cp/0731/0.jpg", "  "]], "strings that are not blank"),
        (lambda rows: [[731, "A caption.", "cp/0731/0.jpg"]], "row 0: 'A caption.' is not below cp/"),
        (lambda rows: [[731, "sk/0731/0.jpg", "A."]], "row 0: 'sk/0731/0.jpg' is not below cp/"),
        (lambda rows: [[731, "../cp/0731/0.jpg", "A."]], "row 0: the path .* does not stay inside"),
        (lambda rows: [[731, "cp/0731/99.jpg", "A."]], "absent or empty; the first: ORBench/cp/0731/99.jpg"),
    ],
)
def test_orbench_bad_rows(tmp_path, change, message):
    made.orbench(tmp_path, lists=damaged(CP_AND_TEXT=change))
    read("orbench", tmp_path, "text+cp")
    with pytest.raises(DatasetError, match=message):
        read("orbench", tmp_path, "cp+text")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not a JSON object of lists"),
        ("[]", "no list RGB_GALLERY, CP"),
        ("[[1]]", "no list RGB_GALLERY, CP"),
        ('{"RGB_GALLERY": [[1, "vis/0731/0.jpg"]]}', "no list CP[.]"),
        ('{"CP": [', "not a JSON object of lists"),
        ('{"CP": "', "not a JSON object of lists"),
    ],
)
def test_orbench_bad_test_files(tmp_path, content, message):
    base = made.orbench(tmp_path)
    write(base / "test_gallery_and_queries.json", content)
    with pytest.raises(DatasetError, match=message):
        read("orbench", tmp_path, "cp")


def test_orbench_repeated_and_unanswered_rows_are_counted(tmp_path):
    twice = damaged(CP=lambda rows: [*rows, rows[0]], RGB_GALLERY=lambda rows: [*rows[:3], rows[0]])
    made.orbench(tmp_path, lists=twice)
    splits = read("orbench", tmp_path, "cp")
    assert len(splits.gallery) == 3
    assert len(splits.query) == 4
    assert says(splits.notes, "1 repeated rows of RGB_GALLERY count once")
    assert says(splits.notes, "1 repeated rows of CP are all scored")
    assert says(splits.notes, "1 query persons are not in the gallery, the first 5")
    other = damaged(RGB_GALLERY=lambda rows: [*rows, [5, rows[0][1]]])
    write(tmp_path / "ORBench/test_gallery_and_queries.json", json.dumps(other))
    with pytest.raises(DatasetError, match="RGB_GALLERY, row 6: 'vis/0731/0.jpg' is of person 5, but of 731 before"):
        read("orbench", tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "1"}, "record 1: 'id' must be a whole number"),
        ({"caption": ["A."]}, "record 1: 'caption' must be a string"),
        ({"file_path": 3}, "record 1: 'file_path' must be a string"),
        ({"file_path": "vis/0031/77.jpg"}, "absent or empty; the first: ORBench/vis/0031/77.jpg"),
        ({"file_path": "../vis/0031/0.jpg"}, "record 1, 'file_path': .* does not stay inside"),
        ({"id": 9}, "record 1: folder vis/0031 is of person 9, but of 1 before"),
    ],
)
def test_orbench_bad_training_records(tmp_path, changes, message):
    records = [dict(record) for record in made.ORBENCH_RECORDS]
    records[1].update(changes)
    made.orbench(tmp_path, records)
    with pytest.raises(DatasetError, match=message):
        read("orbench", tmp_path)
    read("orbench_one", tmp_path)


def test_orbench_odd_training_records_are_counted(tmp_path):
    first = made.ORBENCH_RECORDS[0]
    shown = {"id": 4, "file_path": "vis/0731/0.jpg", "caption": "In the gallery too."}
    odd = [first, {**first, "caption": "Another."}, {**first, "file_path": "nir/0031/0.jpg"}, shown]
    made.orbench(tmp_path, [*made.ORBENCH_RECORDS, *odd])
    splits = read("orbench", tmp_path)
    (photo,) = [item for item in splits.train if item.media.endswith("vis/0031/0.jpg")]
    assert [caption.caption for caption in photo.media.partners] == ["Folder 0031 photo 0.", "Another."]
    assert says(splits.notes, "1 repeated records of train_annos.json count once")
    assert says(splits.notes, "1 of 10 names are not of the form vis/0001/<...>.jpg")
    assert says(
        [note for note in splits.notes if isinstance(note, Fault)], "1 folders are in training and in the gallery"
    )


@given(st.text(max_size=40), st.integers(0, 2000), st.sampled_from(["replace", "insert", "cut"]))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_orbench_any_test_file_is_read_or_refused(tmp_path, text, at, how):
    if not (tmp_path / "ORBench").exists():
        made.orbench(tmp_path)
    whole = json.dumps(made.orbench_lists())
    head, tail = whole[:at], whole[at + (len(text) if how == "replace" else 0) :]
    broken = head if how == "cut" else head + text + tail
    (tmp_path / "ORBench/test_gallery_and_queries.json").write_bytes(broken.encode("utf-8", "replace"))
    tree = Tree("orbench", str(tmp_path), "ORBench", ())
    with contextlib.suppress(DatasetError):
        query, gallery, _ = orbench_lists.read_tests(tree, [(CP, TEXT)])
        assert query
        assert gallery


def test_orbench_an_empty_folder_is_no_person(tmp_path):
    base = made.orbench(tmp_path)
    for path in (base / "sk/0900").iterdir():
        path.unlink()
    assert says(read("orbench", tmp_path).notes, "1 of 3 training persons have no sketch, the first 3")
