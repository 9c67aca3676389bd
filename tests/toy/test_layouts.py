"""The layouts the toy world is written in are the real ones."""

import json
import re
from collections import defaultdict

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
    "FineGPR_Dataset": r"FineGPR_subset/\d{4}_c(0[1-9]|[12]\d|3[0-6])_w0[1-7]_l0[1-7]_p0[1-9]\.jpg"
    r"|FineGPR-C\.txt|other_forms/(tabbed\.tsv|coco\.json|list\.json)",
    "RandPerson": r"randperson_subset/\d{6}_s\d{2}_c\d{2}_f\d{6}\.jpg",
    "MSMT17_V1": r"(train|test)/(?P<pid>\d{4})/(?P=pid)_\d{3}_(0[1-9]|1[0-5])_\d{4}(morning|noon|afternoon)_\d{4}_\d+"
    r"(_ex)?\.jpg|list_(train|val|query|gallery)\.txt",
    "cuhk03": r"images_(labeled|detected)/[1-5]_\d{3}_[12]_(0\d|10)\.png"
    r"|cuhk03_new_protocol_config_(labeled|detected)\.mat",
}


@pytest.fixture(params=["aio", "dmf"])
def made(request):
    """What the sets of a world are called, and the world."""
    return request.param, request.getfixturevalue({"aio": "world", "dmf": "dmf_world"}[request.param])


def test_every_name_is_one_of_the_real_layout(made):
    sets, root = made
    names = {"aio": [*NAMES][:7], "dmf": ["market1501", *[*NAMES][7:]]}[sets]
    assert {p.name for p in root.iterdir()} == {*names, "toy.json"}
    assert json.loads((root / "toy.json").read_text()) == {"ids": IDS, "seed": 1, "sets": sets, "version": VERSION}
    for folder in names:
        files = [p.relative_to(root / folder).as_posix() for p in (root / folder).rglob("*") if p.is_file()]
        assert files
        assert [file for file in files if not re.fullmatch(NAMES[folder], file)] == []


def test_pictures_open(made):
    for path in sorted(p for p in made[1].rglob("*") if p.suffix in (".jpg", ".png", ".bmp"))[::17]:
        with Image.open(path) as image:
            assert image.size == SIZE
            assert image.format == {".jpg": "JPEG", ".png": "PNG", ".bmp": "BMP"}[path.suffix]
            image.load()


def test_synth_pedes(world):
    root = world / "SYNTH-PEDES"
    records = json.loads((root / "synthpedes_dataset.json").read_text())
    assert {r["id"] for r in records} == set(range(IDS))
    for record in records:
        assert (root / record["file_path"]).is_file()
        assert 2 <= len(record["captions"]) <= 3
        assert len(record["attributes"]) == len(record["prompt_caption"]) == 1
        assert record["attributes"][0].count(",") == 5


def test_llcm(world):
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


def test_mask1k(world):
    root = world / "MaSk1K"
    pids = {s: {p.name[:4] for p in root.glob(f"photo/{s}/*.jpg")} for s in ("train", "query")}
    assert not pids["train"] & pids["query"]
    for split, expected in pids.items():
        assert {p.name[:4] for p in root.glob(f"sketch/A/{split}/*.jpg")} == expected
        for hand in "BCDEF":
            assert {p.name[:4] for p in root.glob(f"sketch/{hand}/{split}/*.jpg")} <= expected


def test_market1501(world):
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


def test_sysu_mm01(world):
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


def _ids(path):
    return {int(n) for n in path.read_text().splitlines()[0].split(",")}


def test_pku_sketch(world):
    root = world / "PKU-Sketch"
    sketches = {int(p.stem) for p in (root / "sketch").iterdir()}
    assert sketches == set(range(1, len(sketches) + 1))
    assert len(sketches) >= 40
    photos = [p.stem.split("_") for p in (root / "photo").iterdir()]
    assert len({(pid, camera) for pid, camera, _ in photos}) == len(photos) == 2 * len(sketches)
    drawn = []
    for path in (root / "styleAnnotation").iterdir():
        ids = [int(line) for line in path.read_text().split()]
        assert len(ids) == int(path.stem[2:])
        assert len(ids) % 4 == 0
        drawn += ids
    assert sorted(drawn) == sorted(sketches)


def test_cuhk_pedes(world):
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


def test_nobody_lives_in_two_datasets_or_two_worlds():
    homes = defaultdict(set)
    for seed in (0, 1):
        for plan_dataset in SETS["all"]:
            plan = plan_dataset(IDS, seed)
            for picture in plan.pictures:
                homes[picture.person.seed].add((seed, plan.folder))
    assert len(homes) > 300
    assert all(len(where) == 1 for where in homes.values())


def test_a_third_of_the_people_searched_have_a_look_alike():
    pictures = [p for p in market1501.plan_market1501(100, 0).pictures if "/query/" in p.path]
    people = list({p.path.split("/")[-1][:4]: p.person for p in pictures}.values())
    twins = [p for p in people if sum(q.seed == p.seed for q in people) == 2]
    assert len(people) == 20
    assert len(twins) == 6
