"""RandPerson, ClonedPerson and UnrealPerson: names, folders, cameras."""

import os
import shutil
from pathlib import Path

import pytest

from aio_plugin.datasets import all_adapters
from aio_plugin.errors import DatasetError

from ..miniatures import EVERY, read
from ..miniatures import rgb as made
from ..miniatures.files import image

ADAPTERS = all_adapters()


def places(items):
    return [(Path(item.media).name, item.pid, item.camid) for item in items]


def removed(name, root, **options):
    splits = read(name, root, **options)
    trial = next(ADAPTERS[name].protocol(str(root), options).trials(splits.query, splits.gallery))
    return {
        (Path(splits.query[q].media).stem, Path(splits.gallery[g].media).stem)
        for q, query_key in zip(trial.query, trial.query_key, strict=True)
        for g, gallery_key in zip(trial.gallery, trial.gallery_key, strict=True)
        if query_key == gallery_key >= 0
    }


@pytest.mark.parametrize("top", ["randperson_subset", "subset"])
def test_randperson_subset(tmp_path, top):
    made.randperson(tmp_path, top)
    splits = read("randperson", tmp_path)
    assert places(splits.train) == [
        ("000007_s00_c01_f000500.jpg", 0, 1),
        ("000007_s10_c03_f000001.jpg", 0, 18),
        ("000123_s01_c00_f000009.jpg", 1, 2),
        ("000123_s04_c00_f000009.jpg", 1, 8),
    ]
    assert any("1 of 5 names" in note and "s04_c01" in note for note in splits.notes)
    with pytest.raises(DatasetError, match="images: subset"):
        read("randperson", tmp_path, images="full")


def test_randperson_full(tmp_path):
    base = made.randperson_full(tmp_path)
    splits = read("randperson", tmp_path, images="full")
    assert places(splits.train) == [("000007_s00_c01_f000500.jpg", 1, 1), ("000003_s10_c03_f000001.jpg", 0, 18)]
    assert splits.published["train images"] == 1_801_816
    with pytest.raises(DatasetError, match="images: full"):
        read("randperson", tmp_path)
    shutil.rmtree(base / "images/scene00")
    (base / "images/scene10/000003_s10_c03_f000001.jpg").unlink()
    with pytest.raises(DatasetError, match=r"Unpack images/scene10/camera2.tar.gz"):
        read("randperson", tmp_path, images="full")


def test_randperson_folders_that_lead_back_are_passed_over(tmp_path):
    base = made.randperson_full(tmp_path)
    os.symlink(base / "images", base / "images/scene00/again")
    assert len(read("randperson", tmp_path, images="full").train) == 2


def test_clonedperson(tmp_path):
    base = made.clonedperson(tmp_path)
    splits = read("clonedperson", tmp_path)
    assert places(splits.train) == [("700000_s02_c00_f023389.jpg", 0, 200), ("700004_s02_c01_f023389.jpg", 1, 201)]
    assert [(pid, camera) for _, pid, camera in places(splits.gallery)] == [(700001, 0), (700001, 200), (700002, 200)]
    assert removed("clonedperson", tmp_path) == {("700001_s02_c00_f000001", "700001_s02_c00_f000101")}
    assert splits.found["ids"] == 4
    image(base / "train/700002_s02_c00_f000001.jpg")
    with pytest.raises(DatasetError, match="1 persons are in train and test, the first 700002"):
        read("clonedperson", tmp_path)
    shutil.rmtree(base / "train")
    (base / "train").mkdir()
    with pytest.raises(DatasetError, match="no images in .*train"):
        read("clonedperson", tmp_path)


def test_unrealperson_persons_and_cameras(tmp_path):
    base = made.unrealperson(tmp_path)
    splits = read("unrealperson", tmp_path)
    who = {Path(item.media).relative_to(base).parts[0]: (item.pid, item.camid) for item in splits.train}
    assert who["unreal_v1.1"][0] == who["unreal_v2.1"][0] != who["unreal_v1.2"][0]
    assert len({camera for _, camera in who.values()}) == 3
    assert splits.found == {"train ids": 2, "train images": 3, "cameras": 3}
    assert any("9 of 12 packages are absent or empty" in note and "unreal_v4.3" in note for note in splits.notes)


def test_unrealperson_without_packages(tmp_path):
    base = made.unrealperson(tmp_path)
    for package in ("v1.1", "v1.2", "v2.1"):
        shutil.rmtree(base / f"unreal_{package}")
    with pytest.raises(DatasetError, match="no images in .*unreal_v4.3/images"):
        read("unrealperson", tmp_path)
    shutil.rmtree(base / "unreal_v4.3")
    with pytest.raises(DatasetError, match="no folder like unreal_v1.1/"):
        read("unrealperson", tmp_path)


@pytest.mark.parametrize("name", ["randperson", "clonedperson", "unrealperson"])
def test_names_off_the_pattern(name, tmp_path):
    base = EVERY[name](tmp_path)
    for number, path in enumerate(sorted(base.rglob("*.*g"))):
        if path.stat().st_size and not path.name.startswith("."):
            path.rename(path.with_name(f"person{number}.jpg"))
    with pytest.raises(DatasetError, match="names are not of the form .*Restore"):
        read(name, tmp_path)


def test_randperson_in_a_folder_named_as_the_subset(tmp_path):
    base = made.randperson(tmp_path)
    base.rename(tmp_path / "randperson_subset")
    assert len(read("randperson", tmp_path).train) == 4
