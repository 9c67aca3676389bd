"""The layouts the toy world is written in are the real ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from scipy.io import loadmat

from aio_plugin.toy.drawing.draw import SIZE
from aio_plugin.toy.layouts import VERSION, market1501
from aio_plugin.toy.layouts.writer import SETS

from .people import IDS

NAMES = {
    "SYNTH-PEDES": r"Part\d+/\d+/\d+\.jpg|synthpedes_dataset\.json",
    "LLCM": r"(vis|nir|test_(vis|nir)/cam[1-9])/(?P<pid>\d{4})/(?P=pid)_c\d{2}_s\d+_f\d+_(vis|nir)\.jpg"
    r"|idx/(train|test)_(vis|nir|id)\.txt",
    "MaSk1K": r"photo/(train|query)/\d{4}_c[1-6]s\d+_\d+_\d+\.jpg|sketch/(?P<h>[A-F])/(train|query)/\d{4}_(?P=h)\.jpg",
    "market1501": r"Market-1501-v15\.09\.15/(bounding_box_train|bounding_box_test|query)/"
    r"(-1|\d{4})_c[1-6]s\d+_\d+_\d+\.jpg(\.jpg)?",
    "SYSU-MM01": r"cam[1-6]/\d{4}/\d{4}\.jpg|exp/(train|val|test|available)_id\.txt|exp/rand_perm_cam\.mat",
    "PKU-Sketch": r"photo/\d+_\d+_\d+\.jpg|sketch/\d+\.jpg|styleAnnotation/[a-e]_\d+\.txt",
    "CUHK-PEDES": r"imgs(-sketch2)?/(CUHK01|CUHK03|Market|cam_a|cam_b|test_query|train_query)/\w+\.(jpg|png|bmp)"
    r"|reid_raw\.json",
}


@pytest.mark.parametrize("folder", NAMES)
def test_every_name_is_one_of_the_real_layout(world: Path, folder: str) -> None:
    names = [p.relative_to(world / folder).as_posix() for p in (world / folder).rglob("*") if p.is_file()]
    assert names
    assert [n for n in names if not re.fullmatch(NAMES[folder], n)] == []


def test_the_world_holds_nothing_else(world: Path) -> None:
    assert {p.name for p in world.iterdir()} == {*NAMES, "toy.json"}
    assert json.loads((world / "toy.json").read_text()) == {
        "ids": IDS,
        "seed": 1,
        "sets": "aio",
        "version": VERSION,
    }


def test_pictures_open(world: Path) -> None:
    for path in sorted(p for p in world.rglob("*") if p.suffix in (".jpg", ".png", ".bmp"))[::29]:
        with Image.open(path) as image:
            assert image.size == SIZE
            assert image.format == {".jpg": "JPEG", ".png": "PNG", ".bmp": "BMP"}[path.suffix]
            image.load()


def test_synth_pedes(world: Path) -> None:
    root = world / "SYNTH-PEDES"
    records = json.loads((root / "synthpedes_dataset.json").read_text())
    assert {r["id"] for r in records} == set(range(IDS))
    for record in records:
        assert (root / record["file_path"]).is_file()
        assert 2 <= len(record["captions"]) <= 3
        assert len(record["attributes"]) == len(record["prompt_caption"]) == 1
        assert record["attributes"][0].count(",") == 5


def test_llcm(world: Path) -> None:
    root = world / "LLCM"
    test = {int(n) for n in (root / "idx/test_id.txt").read_text().split(",")}
    for modality in ("vis", "nir"):
        lines = [line.split() for line in (root / f"idx/train_{modality}.txt").read_text().splitlines()]
        assert {int(label) for _, label in lines} == set(range(len({label for _, label in lines})))
        assert all((root / path).is_file() for path, _ in lines)
        assert len({(path.split("/")[1], label) for path, label in lines}) == len({label for _, label in lines})
        assert not test & {int(path.split("/")[1]) for path, _ in lines}
        for path in root.glob(f"test_{modality}/cam*/*/*.jpg"):
            assert int(path.parent.name) in test
            assert f"_c{int(path.parts[-3][3:]):02d}_" in path.name
    assert list((root / "test_nir/cam3").iterdir()) == []


def test_mask1k(world: Path) -> None:
    root = world / "MaSk1K"
    pids = {s: {p.name[:4] for p in root.glob(f"photo/{s}/*.jpg")} for s in ("train", "query")}
    assert not pids["train"] & pids["query"]
    for split, expected in pids.items():
        assert {p.name[:4] for p in root.glob(f"sketch/A/{split}/*.jpg")} == expected
        for hand in "BCDEF":
            assert {p.name[:4] for p in root.glob(f"sketch/{hand}/{split}/*.jpg")} <= expected


def test_market1501(world: Path) -> None:
    root = world / "market1501/Market-1501-v15.09.15"
    seen = {s: [p.name for p in (root / s).iterdir()] for s in ("bounding_box_train", "bounding_box_test", "query")}
    pids = {s: {n.split("_")[0] for n in names} for s, names in seen.items()}
    assert {"-1", "0000"} <= pids["bounding_box_test"]
    assert pids["query"] == pids["bounding_box_test"] - {"-1", "0000"}
    assert not pids["bounding_box_train"] & pids["bounding_box_test"]
    assert {s for s, names in seen.items() if any(n.endswith(".jpg.jpg") for n in names)} == {
        "query",
        "bounding_box_test",
    }
    for name in seen["query"]:  # somebody to find under another camera
        pid, camera = name[:4], name[5:7]
        assert any(n[:4] == pid and n[5:7] != camera for n in seen["bounding_box_test"])


def test_sysu_mm01(world: Path) -> None:
    root = world / "SYSU-MM01"
    ids = {s: _ids(root / f"exp/{s}_id.txt") for s in ("train", "val", "test", "available")}
    assert len(ids["train"] | ids["val"] | ids["test"]) == sum(len(ids[s]) for s in ("train", "val", "test"))
    assert ids["train"] | ids["val"] | ids["test"] == ids["available"]
    cells = loadmat(root / "exp/rand_perm_cam.mat")["rand_perm_cam"]
    assert cells.shape == (6, 1)
    for camera in range(6):
        people = cells[camera, 0]
        assert people.shape[1] == 1
        for number in range(1, len(people) + 1):
            images = list((root / f"cam{camera + 1}/{number:04d}").glob("*.jpg"))
            rows = people[number - 1, 0]
            assert rows.size == 10 * len(images)
            assert all(sorted(row) == list(range(1, len(images) + 1)) for row in rows)
            assert not images or number in ids["available"]
    assert any(not (root / f"cam1/{n:04d}").exists() for n in ids["test"])
    assert all(len(list((root / f"cam4/{n:04d}").iterdir())) >= 10 for n in ids["test"])


def _ids(path: Path) -> set[int]:
    return {int(n) for n in path.read_text().splitlines()[0].split(",")}


def test_pku_sketch(world: Path) -> None:
    root = world / "PKU-Sketch"
    sketches = {int(p.stem) for p in (root / "sketch").iterdir()}
    assert sketches == set(range(1, len(sketches) + 1))
    assert len(sketches) >= 40
    photos = [p.stem.split("_") for p in (root / "photo").iterdir()]
    assert len({(pid, camera) for pid, camera, _ in photos}) == len(photos) == 2 * len(sketches)
    drawn: list[int] = []
    for path in (root / "styleAnnotation").iterdir():
        ids = [int(line) for line in path.read_text().split()]
        assert len(ids) == int(path.stem[2:])
        assert len(ids) % 4 == 0
        drawn += ids
    assert sorted(drawn) == sorted(sketches)


def test_cuhk_pedes(world: Path) -> None:
    root = world / "CUHK-PEDES"
    records = json.loads((root / "reid_raw.json").read_text())
    ids = {s: {r["id"] for r in records if r["split"] == s} for s in ("train", "val", "test")}
    assert ids["train"] == set(range(1, len(ids["train"]) + 1))
    assert sum(map(len, ids.values())) == len(set.union(*ids.values()))
    for record in records:
        assert (root / "imgs" / record["file_path"]).is_file()
        assert (root / "imgs-sketch2" / record["file_path"]).is_file()
        assert len(record["captions"]) == len(record["processed_tokens"]) == 2
    assert len({r["file_path"] for r in records}) == len(records)


def test_nobody_lives_in_two_datasets_or_two_worlds() -> None:
    homes: dict[int, set[tuple[int, str]]] = {}
    for seed in (0, 1):
        for plan_dataset in SETS["aio"]:
            plan = plan_dataset(IDS, seed)
            for picture in plan.pictures:
                homes.setdefault(picture.person.seed, set()).add((seed, plan.folder))
    assert len(homes) > 300
    assert all(len(where) == 1 for where in homes.values())


def test_a_third_of_the_people_searched_have_a_look_alike() -> None:
    pictures = [p for p in market1501.plan_market1501(100, 0).pictures if "/query/" in p.path]
    people = list({p.path.split("/")[-1][:4]: p.person for p in pictures}.values())
    twins = [p for p in people if sum(q.seed == p.seed for q in people) == 2]
    assert len(people) == 20
    assert len(twins) == 6
