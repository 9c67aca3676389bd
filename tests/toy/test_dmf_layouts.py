"""The layouts of DMF's toy sets, read back by the adapters that read the real ones."""

import dataclasses
import re
from collections import defaultdict

import pytest

from aio_plugin.datasets import ADAPTERS
from aio_plugin.heads.lexicon import Lexicon
from aio_plugin.heads.phrases import Phrases
from aio_plugin.toy.captions import FORMULAS, formula
from aio_plugin.toy.layouts import cuhk03_np, finegpr, randperson

from .people import IDS, rng


def read(root, name, **options):
    return ADAPTERS[name].read(str(root), options, None)


# -- FineGPR and FineGPR-C


def test_finegpr_shows_everybody_from_four_sides(dmf_world):
    train = read(dmf_world, "finegpr").train
    sides = defaultdict(set)
    for item in train:
        sides[item.pid].add(finegpr.facing(item.camid + 1))
    assert len(sides) == IDS
    assert all(seen == set(finegpr.FACING) for seen in sides.values())


@pytest.mark.parametrize(("view", "side"), [(28, "front"), (1, "right"), (10, "back"), (19, "left")])
def test_finegprs_viewpoints_stand_for_sides(view, side):
    assert finegpr.facing(view) == side


@pytest.mark.parametrize("file", finegpr.FORMS)
def test_every_form_of_the_captions_says_the_same(dmf_world, file):
    def captions(**options):
        train = read(dmf_world, "finegpr_c", **options).train
        return [(str(item.media), [partner.caption for partner in item.media.partners]) for item in train]

    found = captions(captions=file)
    assert len(found) == finegpr.SHOTS * IDS
    assert all(len(said) == 1 for _, said in found)
    assert found == captions()


def test_a_caption_says_what_its_file_name_says(dmf_world):
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


def test_every_formula_gives_phrases(dmf_world):
    person = next(p.person for p in finegpr.plan_finegpr(IDS, 1).pictures)
    said = {formula(person, "sunny", "noon", "urban", "front", rng(k)) for k in range(60)}
    assert len(said) == len(FORMULAS)
    phrases = Phrases(Lexicon.load())
    assert all(len(phrases(caption)) >= 4 for caption in said)


# -- RandPerson


def test_randperson(dmf_world):
    train = read(dmf_world, "randperson").train
    cameras = defaultdict(set)
    for item in train:
        cameras[item.pid].add(item.camid)
    assert len(train) == randperson.SHOTS * len(cameras)
    assert all(len(seen) == randperson.SHOTS for seen in cameras.values())
    assert len(randperson.CAMERAS) == 19


# -- MSMT17


def test_msmt17_lists_every_picture_once(dmf_world):
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


def test_msmt17_has_somebody_to_find_under_another_camera(dmf_world):
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
def test_cuhk03_np(dmf_world, boxes):
    splits = read(dmf_world, f"cuhk03_np_{boxes}")
    assert splits.train
    assert not {item.pid for item in splits.query} ^ {item.pid for item in splits.gallery}
    queries = [(item.pid, item.camid) for item in splits.query]
    assert len(set(queries)) == len(queries) == cuhk03_np.VIEWS * len({pid for pid, _ in queries})


def test_a_detected_box_shows_the_person_drawn_by_hand_elsewhere():
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


def test_the_worlds_look_unlike_one_another():
    """Mean colourfulness and brightness of each world's cameras; rendered ones are the most vivid."""
    from aio_plugin.toy.cameras import DOMAINS

    saturation = {
        name: sum(camera.saturation for camera in DOMAINS[name].cameras(15)) / 15
        for name in ("FINEGPR", "RANDPERSON", "MSMT17", "CUHK03")
    }
    assert min(saturation["FINEGPR"], saturation["RANDPERSON"]) > saturation["MSMT17"] > saturation["CUHK03"]
