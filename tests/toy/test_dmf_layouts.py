"""The layouts of DMF's toy sets, read back by the adapters that read the real ones."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from pathlib import Path

import pytest
from PIL import Image

from aio_plugin.datasets import ADAPTERS
from aio_plugin.datasets.base import Splits
from aio_plugin.heads.lexicon import Lexicon
from aio_plugin.heads.phrases import Phrases
from aio_plugin.toy.captions import FORMULAS, formula
from aio_plugin.toy.drawing.draw import SIZE
from aio_plugin.toy.layouts import cuhk03_np, finegpr, make, randperson
from aio_plugin.toy.layouts.writer import SETS

from .people import IDS, rng

LAYOUTS = SETS["dmf"][1:]
NAMES = {
    "FineGPR_Dataset": r"FineGPR_subset/\d{4}_c(0[1-9]|[12]\d|3[0-6])_w0[1-7]_l0[1-7]_p0[1-9]\.jpg"
    r"|FineGPR-C\.txt|other_forms/(tabbed\.tsv|coco\.json|list\.json)",
    "RandPerson": r"randperson_subset/\d{6}_s\d{2}_c\d{2}_f\d{6}\.jpg",
    "MSMT17_V1": r"(train|test)/(?P<pid>\d{4})/(?P=pid)_\d{3}_(0[1-9]|1[0-5])_\d{4}(morning|noon|afternoon)_\d{4}_\d+"
    r"(_ex)?\.jpg|list_(train|val|query|gallery)\.txt",
    "cuhk03": r"images_(labeled|detected)/[1-5]_\d{3}_[12]_(0\d|10)\.png"
    r"|cuhk03_new_protocol_config_(labeled|detected)\.mat",
}


@pytest.fixture(scope="module")
def dmf_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("dmf") / "world", IDS, 1, workers=2, progress=False, sets="dmf")


def read(root: Path, name: str, **options: object) -> Splits:
    return ADAPTERS[name].read(str(root), options, None)


@pytest.mark.parametrize("folder", NAMES)
def test_every_name_is_one_of_the_real_layout(dmf_world: Path, folder: str) -> None:
    names = [p.relative_to(dmf_world / folder).as_posix() for p in (dmf_world / folder).rglob("*") if p.is_file()]
    assert names
    assert [name for name in names if not re.fullmatch(NAMES[folder], name)] == []


def test_the_world_holds_dmfs_sets(dmf_world: Path) -> None:
    assert {path.name for path in dmf_world.iterdir()} == {*NAMES, "market1501", "toy.json"}


def test_pictures_open(dmf_world: Path) -> None:
    for folder in NAMES:
        for path in sorted(p for p in (dmf_world / folder).rglob("*") if p.suffix in (".jpg", ".png"))[::17]:
            with Image.open(path) as image:
                assert image.size == SIZE
                assert image.format == {".jpg": "JPEG", ".png": "PNG"}[path.suffix]
                image.load()


# -- FineGPR and FineGPR-C


def test_finegpr_shows_everybody_from_four_sides(dmf_world: Path) -> None:
    train = read(dmf_world, "finegpr").train
    sides = defaultdict(set)
    for item in train:
        sides[item.pid].add(finegpr.facing(item.camid + 1))
    assert len(sides) == IDS
    assert all(seen == set(finegpr.FACING) for seen in sides.values())


@pytest.mark.parametrize(("view", "side"), [(28, "front"), (1, "right"), (10, "back"), (19, "left")])
def test_finegprs_viewpoints_stand_for_sides(view: int, side: str) -> None:
    assert finegpr.facing(view) == side


@pytest.mark.parametrize("file", finegpr.FORMS)
def test_every_form_of_the_captions_says_the_same(dmf_world: Path, file: str) -> None:
    def captions(**options: object) -> list[tuple[str, list[str | None]]]:
        train = read(dmf_world, "finegpr_c", **options).train
        return [(str(item.media), [partner.caption for partner in item.media.partners]) for item in train]

    found = captions(captions=file)
    assert len(found) == finegpr.SHOTS * IDS
    assert all(len(said) == 1 for _, said in found)
    assert found == captions()


def test_a_caption_says_what_its_file_name_says(dmf_world: Path) -> None:
    for item in read(dmf_world, "finegpr_c").train:
        code = re.search(r"_c(\d+)_w(\d+)_l(\d+)_p(\d+)\.jpg", str(item.media))
        assert code
        view, sky, hour, scene = (int(part) for part in code.groups())
        said = item.media.partners[0].caption.lower()
        assert list(finegpr.WEATHERS)[sky - 1] in said
        assert list(finegpr.LIGHTS)[hour - 1] in said
        assert finegpr.facing(view) in said
        other = {"wild", "urban"} - {"wild" if scene in (3, 5, 8) else "urban"}
        assert not other & set(re.findall(r"\w+", said))


def test_every_formula_gives_phrases(dmf_world: Path) -> None:
    person = next(p.person for p in finegpr.plan_finegpr(IDS, 1).pictures)
    said = {formula(person, "sunny", "noon", "urban", "front", rng(k)) for k in range(60)}
    assert len(said) == len(FORMULAS)
    phrases = Phrases(Lexicon.load())
    assert all(len(phrases(caption)) >= 4 for caption in said)


# -- RandPerson


def test_randperson(dmf_world: Path) -> None:
    train = read(dmf_world, "randperson").train
    cameras = defaultdict(set)
    for item in train:
        cameras[item.pid].add(item.camid)
    assert len(train) == randperson.SHOTS * len(cameras)
    assert all(len(seen) == randperson.SHOTS for seen in cameras.values())
    assert len(randperson.CAMERAS) == 19


# -- MSMT17


def test_msmt17_lists_every_picture_once(dmf_world: Path) -> None:
    root = dmf_world / "MSMT17_V1"
    lines = {s: (root / f"list_{s}.txt").read_text().splitlines() for s in ("train", "val", "query", "gallery")}
    for split, parts in (("train", ("train", "val")), ("test", ("query", "gallery"))):
        listed = [line.split() for part in parts for line in lines[part]]
        assert {name for name, _ in listed} == {
            p.relative_to(root / split).as_posix() for p in (root / split).rglob("*.jpg")
        }
        assert len(listed) == len({name for name, _ in listed})
        assert all(int(name[:4]) == int(label) for name, label in listed)
    assert lines["val"]


def test_msmt17_has_somebody_to_find_under_another_camera(dmf_world: Path) -> None:
    splits = read(dmf_world, "msmt17_v1")
    gallery = defaultdict(set)
    for item in splits.gallery:
        gallery[item.pid].add(item.camid)
    assert splits.query
    assert all(gallery[item.pid] - {item.camid} for item in splits.query)
    both = len(read(dmf_world, "msmt17_v1", train="train+val").train)
    assert both > len(splits.train)


# -- CUHK03


@pytest.mark.parametrize("boxes", cuhk03_np.BOXES)
def test_cuhk03_np(dmf_world: Path, boxes: str) -> None:
    splits = read(dmf_world, f"cuhk03_np_{boxes}")
    assert splits.train
    assert not {item.pid for item in splits.query} ^ {item.pid for item in splits.gallery}
    queries = [(item.pid, item.camid) for item in splits.query]
    assert len(set(queries)) == len(queries) == cuhk03_np.VIEWS * len({pid for pid, _ in queries})


def test_a_detected_box_shows_the_person_drawn_by_hand_elsewhere() -> None:
    plan = cuhk03_np.plan_cuhk03_np(40, 0)
    labeled, detected = (
        {p.path.rsplit("/", 1)[-1]: p for p in plan.pictures if f"images_{boxes}/" in p.path}
        for boxes in ("labeled", "detected")
    )
    assert detected.keys() < labeled.keys()  # the detector missed some
    for name, picture in detected.items():
        by_hand = labeled[name]
        assert (picture.person, picture.by, picture.key) == (by_hand.person, by_hand.by, by_hand.key)
        assert picture.pose is not None
        assert by_hand.pose is not None
        assert picture.pose != by_hand.pose
        same = {"shift_x": 0.0, "shift_y": 0.0, "scale": 1.0}
        assert dataclasses.replace(picture.pose, **same) == dataclasses.replace(by_hand.pose, **same)


# -- together


def test_nobody_lives_in_two_sets() -> None:
    homes = defaultdict(set)
    for plan_dataset in SETS["all"]:
        plan = plan_dataset(IDS, 0)
        for picture in plan.pictures:
            homes[picture.person.seed].add(plan.folder)
    assert len(homes) > 150
    assert all(len(where) == 1 for where in homes.values())


def test_files_do_not_depend_on_the_sets_beside_them(dmf_world: Path) -> None:
    for plan_dataset in LAYOUTS:
        plan = plan_dataset(IDS, 1)
        for name, content in plan.files.items():
            assert (dmf_world / name).read_bytes() == content


def test_the_worlds_look_unlike_one_another() -> None:
    """Mean colourfulness and brightness of each world's cameras; rendered ones are the most vivid."""
    from aio_plugin.toy.cameras import DOMAINS

    saturation = {
        name: sum(camera.saturation for camera in DOMAINS[name].cameras(15)) / 15
        for name in ("FINEGPR", "RANDPERSON", "MSMT17", "CUHK03")
    }
    assert min(saturation["FINEGPR"], saturation["RANDPERSON"]) > saturation["MSMT17"] > saturation["CUHK03"]
