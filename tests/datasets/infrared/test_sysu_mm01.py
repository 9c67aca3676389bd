"""SYSU-MM01: splits, cameras, permutations."""

import shutil

import pytest

from aio_plugin.datasets.infrared import sysu_mm01
from aio_plugin.datasets.reading.matlab import read_permutations
from aio_plugin.errors import DatasetError, ProtocolError
from aio_plugin.modality import Modality

from ..miniatures import infrared as made
from ..miniatures import read

IR, RGB, SKETCH = Modality.IR, Modality.RGB, Modality.SKETCH


def tail(item):
    return "/".join(item.media.split("/")[-3:])


def test_sysu_splits(tmp_path):
    made.sysu_mm01(tmp_path)
    splits = read("sysu_mm01", tmp_path)
    assert len(splits.train) == 3 * 6 * 2
    raw = {int(item.media.split("/")[-2]): item.pid for item in splits.train}
    assert raw == {2: 0, 3: 1, 30: 2}
    assert {item.pid for item in splits.query} == {6, 10, 17}
    assert {item.camid for item in splits.query} == {2, 5}
    assert len(splits.query) == 3 * 2 * 2
    assert {item.camid for item in splits.gallery} == {0, 1, 3, 4}
    assert len(splits.gallery) == 13 * (2 * 2 + 3 * 2)
    assert {(item.pid, item.camid) for item in splits.gallery if item.pid == 17} == {(17, 3), (17, 4)}
    for item in (*splits.train, *splits.query, *splits.gallery):
        assert (item.media.modality is IR) == (item.camid in (2, 5))
    assert [tail(item) for item in splits.gallery[:13]] == [f"cam1/0006/{k:04d}.jpg" for k in range(1, 14)]


def test_sysu_options(tmp_path):
    made.sysu_mm01(tmp_path)
    indoor = read("sysu_mm01", tmp_path, mode="indoor", train_ids="train")
    assert {item.camid for item in indoor.gallery} == {0, 1}
    assert {item.pid for item in indoor.gallery} == {6, 10}
    assert len(indoor.query) == 12, "all probes stay, those without a match too"
    assert {int(item.media.split("/")[-2]) for item in indoor.train} == {2, 30}


def test_sysu_permutations(tmp_path):
    base = made.sysu_mm01(tmp_path)
    permutations = read_permutations(str(base / "exp/rand_perm_cam.mat"))
    assert sorted(permutations) == [1, 2, 3, 4, 5, 6]
    assert 17 not in permutations[1]
    assert permutations[4][17].shape == (10, 13)
    assert sorted(permutations[4][17][3]) == list(range(1, 14))


def test_sysu_official_trials_need_their_file(tmp_path):
    base = made.sysu_mm01(tmp_path)
    (base / "data_split").mkdir()
    (base / "exp/rand_perm_cam.mat").rename(base / "data_split/rand_perm_cam.mat")
    read("sysu_mm01", tmp_path)
    shutil.rmtree(base / "data_split")
    with pytest.raises(DatasetError, match="trials: agw"):
        read("sysu_mm01", tmp_path)
    read("sysu_mm01", tmp_path, trials="agw")


def test_sysu_official_trials_need_the_published_images(tmp_path):
    base = made.sysu_mm01(tmp_path)
    (base / "cam4/0017/0005.jpg").unlink()
    with pytest.raises(ProtocolError, match=r"person 17 has 12 images under camera 4.*of 13 images"):
        read("sysu_mm01", tmp_path)
    assert any("gaps in 1 gallery" in note for note in read("sysu_mm01", tmp_path, trials="agw").notes)


def test_sysu_val_list_may_be_missing_only_if_not_used(tmp_path):
    base = made.sysu_mm01(tmp_path)
    (base / "exp/val_id.txt").unlink()
    with pytest.raises(DatasetError, match=r"exp/val_id.txt +MISSING"):
        read("sysu_mm01", tmp_path)
    read("sysu_mm01", tmp_path, train_ids="train")


def test_sysu_published_pools_agree():
    """The counts of the permutation file: cameras 1, 2, 4 and 5 of the 96 test persons."""
    pools = {mode: counts["gallery pool"] for mode, counts in sysu_mm01.PUBLISHED_TEST.items()}
    assert pools == {"all": 1374 + 1565 + 1918 + 1918, "indoor": 1374 + 1565}
