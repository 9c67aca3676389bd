"""SYSU-MM01, LLCM and RegDB: splits, directions, cameras, trials, permutations."""

import pytest

from aio_plugin.datasets.infrared import sysu_mm01
from aio_plugin.datasets.reading.matlab import read_permutations
from aio_plugin.errors import ProtocolError
from aio_plugin.modality import Modality

from .miniatures import assert_noted, camids_of, infrared, pids_of, read, removed
from .miniatures.files import image

IR, RGB = Modality.IR, Modality.RGB


def folder_labels(items):
    """Person's folder -> label."""
    return {int(item.media.split("/")[-2]): item.pid for item in items}


def kinds(items):
    return {item.media.modality for item in items}


def test_sysu_splits(tmp_path):
    base = infrared.sysu_mm01(tmp_path)
    splits = read("sysu_mm01", tmp_path)
    assert (len(splits.train), len(splits.query), len(splits.gallery)) == (3 * 6 * 2, 3 * 2 * 2, 13 * (2 * 2 + 3 * 2))
    assert folder_labels(splits.train) == {2: 0, 3: 1, 30: 2}
    assert set(pids_of(splits.query)) == {6, 10, 17}
    assert set(camids_of(splits.query)) == {2, 5}
    assert set(camids_of(splits.gallery)) == {0, 1, 3, 4}
    assert {item.camid for item in splits.gallery if item.pid == 17} == {3, 4}
    for item in (*splits.train, *splits.query, *splits.gallery):
        assert (item.media.modality is IR) == (item.camid in (2, 5))
    assert [item.media for item in splits.gallery[:13]] == [f"{base}/cam1/0006/{k:04d}.jpg" for k in range(1, 14)]


def test_sysu_options(tmp_path):
    infrared.sysu_mm01(tmp_path)
    indoor = read("sysu_mm01", tmp_path, mode="indoor", train_ids="train")
    assert set(camids_of(indoor.gallery)) == {0, 1}
    assert set(pids_of(indoor.gallery)) == {6, 10}
    assert len(indoor.query) == 12, "all probes stay, those without a match too"
    assert set(folder_labels(indoor.train)) == {2, 30}


def test_sysu_permutations(tmp_path):
    base = infrared.sysu_mm01(tmp_path)
    permutations = read_permutations(str(base / "exp/rand_perm_cam.mat"))
    assert sorted(permutations) == [1, 2, 3, 4, 5, 6]
    assert 17 not in permutations[1]
    assert permutations[4][17].shape == (10, 13)
    assert sorted(permutations[4][17][3]) == list(range(1, 14))
    (base / "cam4/0017/0005.jpg").unlink()
    with pytest.raises(ProtocolError, match=r"person 17 has 12 images under camera 4.*of 13 images"):
        read("sysu_mm01", tmp_path)


def test_sysu_published_pools_agree():
    """The counts of the permutation file: cameras 1, 2, 4 and 5 of the 96 test persons."""
    pools = {mode: counts["gallery pool"] for mode, counts in sysu_mm01.PUBLISHED_TEST.items()}
    assert pools == {"all": 1374 + 1565 + 1918 + 1918, "indoor": 1374 + 1565}


def test_llcm_splits(tmp_path):
    base = infrared.llcm(tmp_path)
    splits = read("llcm", tmp_path)
    assert (len(splits.train), len(splits.gallery)) == (12, 4 * 3 * 2)
    assert folder_labels(splits.train) == {1: 0, 4: 1, 42: 2}
    assert set(camids_of(splits.train)) == {0, 4}
    assert {(item.media.modality, item.media.split("/")[-3]) for item in splits.train} == {(RGB, "vis"), (IR, "nir")}
    assert set(camids_of(splits.query)) == {0, 1, 9}, "infrared camera 3 is empty"
    assert set(camids_of(splits.gallery)) == {0, 1, 2, 9}
    assert set(pids_of(splits.gallery)) == {3, 5, 8}
    order = [(item.camid, item.pid) for item in splits.gallery]
    assert order == sorted(order), "cameras in numeric order"
    image(base / "test_vis/cam2/0003/0003_c07_s1_f1_vis.jpg")
    splits = read("llcm", tmp_path)
    assert_noted(splits, "contradicts their folder, the first test_vis/cam2/0003/0003_c07")
    assert 6 in camids_of(splits.gallery)


@pytest.mark.parametrize(
    ("name", "query", "options", "searches"),
    [
        ("llcm", None, {}, (IR, RGB)),
        ("llcm", "rgb", {}, (RGB, IR)),
        ("llcm", "rgb", {"vis_to_ir": "deen_release"}, (IR, RGB)),
        ("regdb", None, {}, (IR, RGB)),
        ("regdb", "rgb", {"trial": 2}, (RGB, IR)),
    ],
)
def test_directions(tmp_path, name, query, options, searches):
    (infrared.llcm if name == "llcm" else infrared.regdb)(tmp_path)
    splits = read(name, tmp_path, query, **options)
    assert (kinds(splits.query), kinds(splits.gallery)) == tuple({kind} for kind in searches)
    if "vis_to_ir" in options:
        assert_noted(splits, "DEEN")
    if name == "regdb":
        assert removed(name, tmp_path, query, **options) == []


def test_regdb_splits(tmp_path):
    infrared.regdb(tmp_path)
    splits = read("regdb", tmp_path, trial=1)
    trained, _ = infrared.regdb_split(1)
    assert folder_labels(splits.train) == {pid: label for label, pid in enumerate(sorted(trained))}
    assert len(splits.train) == 3 * 2 * 2
    assert {(item.media.modality, item.camid, item.media.split("/")[-3]) for item in splits.train} == {
        (RGB, 0, "Visible"),
        (IR, 1, "Thermal"),
    }
    assert_noted(splits, "trial 1 alone; published results are the mean over ten models", r"train ids 3 \(206\)")
    assert splits.found == {f"{part} ids": 3 for part in ("train", "test")} | {
        f"{part} {kind} images": 6 for part in ("train", "test") for kind in ("rgb", "ir")
    }
    assert splits.published["train rgb images"] == 2060
    paths = [str(item.media) for item in (*splits.train, *splits.query, *splits.gallery)]
    assert {path.endswith(".jpg") for path in paths if "/20/" in path} == {True}, "images may have been encoded again"


def test_regdb_trials_are_other_people_and_a_label_is_no_person(tmp_path):
    infrared.regdb(tmp_path)
    trials = [read("regdb", tmp_path, trial=trial) for trial in range(1, 11)]
    tested = [sorted(set(pids_of(splits.query))) for splits in trials]
    assert tested == [sorted(infrared.regdb_split(trial)[1]) for trial in range(1, 11)]
    assert tested == [sorted(set(pids_of(splits.gallery))) for splits in trials]
    assert tested[0] != tested[1]
