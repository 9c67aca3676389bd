"""RegDB, RGBNT201 and ORBench: who is where, in which modality, and what damage says."""

import contextlib
import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aio_plugin.datasets import ADAPTERS
from aio_plugin.datasets.reading import orbench_lists
from aio_plugin.datasets.reading.checks import Fault
from aio_plugin.datasets.reading.layouts import Tree
from aio_plugin.errors import ConfigError, DatasetError, MediaError, ModalityError
from aio_plugin.modality import MODALITIES, parse_written
from aio_plugin.training.media import read_image

from . import fixtures
from . import fixtures_multimodal as made

RGB, IR, SKETCH, TEXT, CP = MODALITIES
NAMES = ("regdb", "rgbnt201", "orbench")


def read(name, root, query=None, **options):
    return ADAPTERS[name].read(str(root), options, parse_written(query) if query else None)


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


# -- RegDB


def test_regdb_splits(tmp_path):
    made.regdb(tmp_path)
    splits = read("regdb", tmp_path, trial=1)
    trained, tested = made.regdb_split(1)
    assert raw(splits.train) == {str(pid): label for label, pid in enumerate(sorted(trained))}
    assert len(splits.train) == 3 * 2 * 2
    assert {(item.media.modality, item.camid, item.media.split("/")[-3]) for item in splits.train} == {
        (RGB, 0, "Visible"),
        (IR, 1, "Thermal"),
    }
    assert {item.pid for item in splits.query} == {item.pid for item in splits.gallery} == set(tested)
    assert {item.media.modality for item in splits.query} == {IR}
    assert {item.media.modality for item in splits.gallery} == {RGB}
    assert says(splits.notes, "trial 1 alone; published results are the mean over ten models")
    assert splits.found == {f"{part} ids": 3 for part in ("train", "test")} | {
        f"{part} {kind} images": 6 for part in ("train", "test") for kind in ("rgb", "ir")
    }
    assert splits.published["train rgb images"] == 2060
    assert says(splits.notes, "train ids 3 (206)")


def test_regdb_directions_and_removal(tmp_path):
    made.regdb(tmp_path)
    splits = read("regdb", tmp_path, "rgb", trial=2)
    assert {item.media.modality for item in splits.query} == {RGB}
    assert {item.media.modality for item in splits.gallery} == {IR}
    assert removed("regdb", tmp_path, splits, "rgb", trial=2) == [[]] * 6
    with pytest.raises(ModalityError, match="regdb has no rgb.ir queries"):
        read("regdb", tmp_path, "rgb+ir")


def test_regdb_trials_are_other_people_and_a_label_is_no_person(tmp_path):
    made.regdb(tmp_path)
    tested = [{item.pid for item in read("regdb", tmp_path, trial=trial).query} for trial in range(1, 11)]
    assert [sorted(pids) for pids in tested] == [sorted(made.regdb_split(trial)[1]) for trial in range(1, 11)]
    assert tested[0] != tested[1]


def test_regdb_images_may_have_been_reencoded(tmp_path):
    made.regdb(tmp_path)
    splits = read("regdb", tmp_path)
    paths = [str(item.media) for item in (*splits.train, *splits.query, *splits.gallery)]
    assert {path.endswith(".jpg") for path in paths if "/20/" in path} == {True}


@pytest.mark.parametrize("trial", [0, 11])
def test_regdb_has_ten_trials(tmp_path, trial):
    made.regdb(tmp_path)
    with pytest.raises(ConfigError, match=f"aio.datasets.regdb.trial is {trial}"):
        read("regdb", tmp_path, trial=trial)


def edit_list(base, name, change):
    path = base / f"idx/{name}.txt"
    fixtures.write(path, "\n".join(change(path.read_text().split("\n"))))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [lines[0].split()[0], *lines], "train_thermal_1.txt, line 1: must be 'path label'"),
        (lambda lines: ["../../secret/1/a.bmp 3", *lines], "line 1: the path .* does not stay inside RegDB"),
        (lambda lines: ["Thermal/9/male_front_t_1_9.bmp 3", *lines], "1 of 7 .*absent or empty; the first: .*t_1_9"),
        (lambda lines: [line.replace("_t_", "_q_") for line in lines], "6 of 6 names are not of the form Thermal/168"),
        (lambda lines: [], "train_thermal_1.txt lists no images"),
        (lambda lines: ["\udcff"], "Cannot read the list"),
    ],
)
def test_regdb_bad_lists(tmp_path, change, message):
    base = made.regdb(tmp_path)
    path = base / "idx/train_thermal_1.txt"
    lines = change([line for line in path.read_text().split("\n") if line])
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    with pytest.raises(DatasetError, match=message):
        read("regdb", tmp_path, trial=1)


def test_regdb_odd_lines_are_counted(tmp_path):
    base = made.regdb(tmp_path)
    first = (base / "idx/test_visible_1.txt").read_text().splitlines()[0]
    odd = "Visible/57/female_front_v_00001_58.bmp 2"  # the folder and the name disagree
    edit_list(base, "test_visible_1", lambda lines: [first, odd, *lines])
    splits = read("regdb", tmp_path, trial=1)
    assert len(splits.gallery) == 6
    assert says(splits.notes, "1 repeated lines of idx/test_visible_1.txt count once")
    assert says(splits.notes, "1 of 14 names are not of the form Visible/168/male_front_v_04111_168.bmp")
    assert says(splits.notes, f"idx/test_visible_1.txt: {odd.split()[0]}")


def test_regdb_people_listed_once_or_on_both_sides(tmp_path):
    base = made.regdb(tmp_path)
    trained, tested = made.regdb_split(1)
    edit_list(base, "test_thermal_1", lambda lines: [line for line in lines if f"/{tested[0]}/" not in line])
    assert says(read("regdb", tmp_path, trial=1).notes, f"1 of 3 test persons have no ir, the first {tested[0]}")
    edit_list(base, "test_thermal_1", lambda lines: [*lines, made.regdb_name(trained[0], "Thermal", 0) + " 7"])
    with pytest.raises(
        DatasetError, match=f"1 persons are in train and test, the first {trained[0]}.*lists of trial 1"
    ):
        read("regdb", tmp_path, trial=1)


def test_regdb_needs_only_the_lists_of_its_trial(tmp_path):
    base = made.regdb(tmp_path)
    (base / "idx/test_visible_7.txt").unlink()
    read("regdb", tmp_path, trial=6)
    with pytest.raises(DatasetError, match=r"idx/test_visible_7.txt +MISSING"):
        read("regdb", tmp_path, trial=7)


# -- RGBNT201


def test_rgbnt201_splits(tmp_path):
    made.rgbnt201(tmp_path)
    splits = read("rgbnt201", tmp_path)
    kinds = [(item.media.combination, item.pid) for item in splits.train]
    assert kinds.count(((RGB, IR), 0)) == 4
    assert kinds.count(((RGB, IR), 1)) == 3
    assert kinds.count(((RGB,), 1)) == 1, "its infrared picture is absent, not black"
    assert sum(kind == (IR,) for kind, _ in kinds) == 7
    for item in splits.train:
        for partner in item.media.partners:
            assert partner.split("/")[-1] == item.media.split("/")[-1], "aligned pictures have one name"
            assert "/NI/" in partner
    assert {item.camid for item in splits.train} == {0, 1}
    assert [item.pid for item in splits.query] == [7] * 4 + [41] * 4
    assert splits.query == splits.gallery
    assert splits.found == {"train ids": 2, "test ids": 2, "aligned pictures": 15}
    assert says(
        splits.notes, f"1 of 8 training pictures are not in NI and count as without ir; the first: {made.RGBNT_MISSING}"
    )


@pytest.mark.parametrize(("query", "kind"), [("rgb", (RGB,)), ("ir", (IR,)), ("rgb+ir", (RGB, IR))])
def test_rgbnt201_searches_with_one_or_both_in_the_same_or_in_rgb(tmp_path, query, kind):
    made.rgbnt201(tmp_path)
    same = read("rgbnt201", tmp_path, query)
    assert {item.media.combination for item in same.query} == {kind}
    assert same.query == same.gallery
    cross = read("rgbnt201", tmp_path, query, gallery="rgb")
    assert cross.query == same.query
    assert {item.media.combination for item in cross.gallery} == {(RGB,)}
    protocol = [ADAPTERS["rgbnt201"].protocol(str(tmp_path), o, kind).name for o in ({}, {"gallery": "rgb"})]
    assert protocol[0].startswith(f"rgbnt201, {query} searches {query}")
    assert protocol[1].startswith(f"rgbnt201, {query} searches rgb")


def test_rgbnt201_thermal_in_place_of_near_infrared(tmp_path):
    base = made.rgbnt201(tmp_path)
    splits = read("rgbnt201", tmp_path, "rgb+ir", infrared="TI")
    assert {partner.split("/")[-2] for item in splits.query for partner in item.media.partners} == {"TI"}
    assert not says(splits.notes, "count as without")
    assert "ir: TI" in ADAPTERS["rgbnt201"].protocol(str(tmp_path), {"infrared": "TI"}, (IR,)).name
    shutil.rmtree(base / "test/TI")
    read("rgbnt201", tmp_path)
    with pytest.raises(DatasetError, match=r"test/TI.* MISSING"):
        read("rgbnt201", tmp_path, infrared="TI")


def test_rgbnt201_removes_the_same_camera_and_so_the_query_itself(tmp_path):
    made.rgbnt201(tmp_path)
    splits = read("rgbnt201", tmp_path, "rgb+ir")
    for item, gone in zip(splits.query, removed("rgbnt201", tmp_path, splits, "rgb+ir"), strict=True):
        assert str(item.media) in gone
        assert len(gone) == 2
        assert {path.split("/")[-1][:11] for path in gone} == {item.media.split("/")[-1][:11]}


def test_rgbnt201_a_query_has_what_there_is(tmp_path):
    base = made.rgbnt201(tmp_path)
    (base / "test/NI/000007_cam1_0_00.jpg").unlink()
    both = read("rgbnt201", tmp_path, "rgb+ir")
    assert [item.media.combination for item in both.query].count((RGB,)) == 1
    assert len(both.query) == 8
    assert len(read("rgbnt201", tmp_path, "ir").query) == 7
    assert says(both.notes, "1 of 8 test pictures are not in NI")


def test_rgbnt201_damage(tmp_path):
    base = made.rgbnt201(tmp_path)
    fixtures.image(base / "test/RGB/7_cam1.jpg")
    assert says(read("rgbnt201", tmp_path).notes, "the first: test/RGB/7_cam1.jpg")
    fixtures.image(base / "test/RGB/000003_cam1_0_00.jpg")
    with pytest.raises(DatasetError, match="1 persons are in train and test, the first 3.*folders train_171 and test"):
        read("rgbnt201", tmp_path)


# -- ORBench


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
    fixtures.write(base / "test_gallery_and_queries.json", content)
    with pytest.raises(DatasetError, match=message):
        read("orbench", tmp_path, "cp")


def test_orbench_repeated_and_unanswered_rows_are_counted(tmp_path):
    twice = damaged(CP=lambda rows: [*rows, rows[0]], RGB_GALLERY=lambda rows: [*rows[:3], rows[0]])
    made.orbench(tmp_path, lists=twice)
    splits = read("orbench", tmp_path, "cp")
    assert len(splits.gallery) == 3
    assert len(splits.query) == 4
    assert says(splits.notes, "1 repeated rows of RGB_GALLERY count once")
    assert says(splits.notes, "1 repeated rows of CP are scored as they stand")
    assert says(splits.notes, "1 query persons are not in the gallery, the first 5")
    other = damaged(RGB_GALLERY=lambda rows: [*rows, [5, rows[0][1]]])
    fixtures.write(tmp_path / "ORBench/test_gallery_and_queries.json", json.dumps(other))
    with pytest.raises(DatasetError, match="RGB_GALLERY, row 6: 'vis/0731/0.jpg' is of person 5, before of 731"):
        read("orbench", tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "1"}, "record 1: 'id' must be a whole number"),
        ({"caption": ["A."]}, "record 1: 'caption' must be a string"),
        ({"file_path": 3}, "record 1: 'file_path' must be a string"),
        ({"file_path": "vis/0031/77.jpg"}, "absent or empty; the first: ORBench/vis/0031/77.jpg"),
        ({"file_path": "../vis/0031/0.jpg"}, "record 1, 'file_path': .* does not stay inside"),
        ({"id": 9}, "record 1: folder vis/0031 is of person 9, before of 1"),
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


# -- all three


@pytest.mark.parametrize("name", NAMES)
def test_a_link_out_of_the_root_is_refused(name, tmp_path):
    base = fixtures_of(name)(tmp_path / "data")
    folder = base / {"regdb": "Visible/57", "rgbnt201": "test/RGB", "orbench": "nir/0031"}[name]
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="a link out of the data root"):
        read(name, tmp_path / "data")


@pytest.mark.parametrize("name", NAMES)
def test_a_truncated_image_is_named_when_it_is_opened(name, tmp_path):
    fixtures_of(name)(tmp_path)
    path = read(name, tmp_path).train[0].media
    Image.effect_noise((80, 160), 60).convert("RGB").save(path)
    with open(path, "rb+") as file:
        file.truncate(900)
    assert read(name, tmp_path).train[0].media == path
    with pytest.raises(MediaError, match=path.split("/")[-1]):
        read_image(path)


def test_an_empty_folder_is_no_person(tmp_path):
    base = made.orbench(tmp_path)
    for path in (base / "sk/0900").iterdir():
        path.unlink()
    assert says(read("orbench", tmp_path).notes, "1 of 3 training persons have no sketch, the first 3")


def fixtures_of(name):
    return made.MULTIMODAL_BUILDERS[name]
