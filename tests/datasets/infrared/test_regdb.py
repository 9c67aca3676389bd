"""RegDB: trials, directions, lists, removal."""

import numpy as np
import pytest

from aio_plugin.datasets import ADAPTERS
from aio_plugin.errors import ConfigError, DatasetError, ModalityError
from aio_plugin.modality import MODALITIES, parse_written

from ..miniatures import infrared as made
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
    write(path, "\n".join(change(path.read_text().split("\n"))))


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
