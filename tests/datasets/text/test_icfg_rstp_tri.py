"""ICFG-PEDES, RSTPReid and what is Tri-* of them: splits, cameras, queries, removal, bad input."""

import json
import os

import pytest

from aio_plugin.datasets import ADAPTERS
from aio_plugin.errors import DatasetError, MediaError, ModalityError
from aio_plugin.modality import MODALITIES
from aio_plugin.training.images import read_image

from ..miniatures import EVERY, read
from ..miniatures import multimodal as multimodal_sets
from ..miniatures import text as text_sets
from ..miniatures.files import write
from ..test_protocols import make, removed

RGB, _, SKETCH, TEXT, *_ = MODALITIES
SETS = ("icfg_pedes", "rstpreid", "tri_icfg_pedes", "tri_rstpreid")
FILES = {
    "icfg_pedes": ("ICFG-PEDES.json", text_sets.ICFG_RECORDS),
    "rstpreid": ("data_captions.json", text_sets.RSTP_RECORDS),
}


def test_icfg_splits_are_those_of_the_annotations(tmp_path):
    base = text_sets.icfg_pedes(tmp_path)
    splits = read("icfg_pedes", tmp_path)
    assert [item.pid for item in splits.train] == [1, 0, 1]
    assert [item.camid for item in splits.train] == [4, 2, 14]
    assert [media.caption for item in splits.train for media in item.media.partners] == ["Red.", "Blue.", "Red too."]
    assert [item.pid for item in splits.gallery] == [3300, 3102, 3102]
    assert str(splits.gallery[0].media) == f"{base}/imgs/train/0101/0101_000_01_0114morning_0100_0.jpg"
    assert [(i.media.caption, i.pid, i.source) for i in splits.query] == [
        ("Grey.", 3300, 0), ("Grey.", 3102, 1), ("A hat.", 3102, 2),
    ]  # fmt: skip
    assert any("1 of 6 paths" in note and "test/0003/renamed.jpg" in note for note in splits.notes)
    assert splits.found == {
        "train ids": 2, "train images": 3, "train captions": 3, "test ids": 2, "test images": 3, "test captions": 3,
    }  # fmt: skip
    assert splits.published == {
        "train ids": 3_102, "train images": 34_674, "train captions": 34_674,
        "test ids": 1_000, "test images": 19_848, "test captions": 19_848,
    }  # fmt: skip


def test_icfg_goes_by_two_names_and_has_no_validation_split(tmp_path):
    text_sets.icfg_pedes(tmp_path, name="ICFG_PEDES.json")
    assert "ICFG_PEDES.json#3.0" in read("icfg_pedes", tmp_path).query[0].media
    assert not ADAPTERS["icfg_pedes"].options
    os.remove(tmp_path / "ICFG-PEDES/ICFG_PEDES.json")
    with pytest.raises(DatasetError, match=r"ICFG-PEDES\.json +MISSING  or ICFG_PEDES\.json"):
        read("icfg_pedes", tmp_path)


def test_rstp_splits(tmp_path):
    base = text_sets.rstpreid(tmp_path)
    splits = read("rstpreid", tmp_path)
    assert [(item.pid, item.camid) for item in splits.train] == [(0, 13), (1, 2)]
    assert [media.caption for media in splits.train[0].media.partners] == ["穿着红色外套 def f(x):", "A man."]
    assert [(item.pid, item.camid) for item in splits.gallery] == [(3901, 14), (3901, 4), (3905, 8)]
    assert [item.pid for item in splits.query] == [3901] * 4 + [3905] * 2
    assert str(splits.query[0].media) == f"{base}/data_captions.json#3.0"
    val = read("rstpreid", tmp_path, split="val")
    assert [item.media.caption for item in val.query] == ["Val.", "Val two."]
    assert (val.found["val captions"], val.published["val captions"]) == (2, 2_000)
    assert splits.published["test images"] == 1_000


@pytest.mark.parametrize("name", SETS)
def test_nothing_made_by_hand_shares_a_camera_with_a_photo(tmp_path, name):
    EVERY[name](tmp_path)
    for query in ADAPTERS[name].queries:
        splits = ADAPTERS[name].read(str(tmp_path), {}, query)
        assert not {item.camid for item in splits.query} & {item.camid for item in splits.gallery}
        photos, drawn = (
            {i.camid for i in splits.train if (i.media.modality is RGB) is is_photo} for is_photo in (1, 0)
        )
        assert not photos & drawn


@pytest.mark.parametrize(("name", "photos"), [("tri_icfg_pedes", 3), ("tri_rstpreid", 3)])
@pytest.mark.parametrize("folder", ["imgs-sketch", "imgs-sketch2", "archive"])
def test_tri_queries_carry_the_sketch_of_their_own_photo(tmp_path, name, photos, folder):
    archive = {"tri_icfg_pedes": "sketch/aliyun/ICFG-PEDES", "tri_rstpreid": "sketch/aliyun/RSTPReid/imgs"}[name]
    EVERY[name](tmp_path, archive if folder == "archive" else folder)
    splits = read(name, tmp_path)
    assert splits.query
    for item in splits.query:
        sketch, text = item.media.parts
        photo = splits.gallery[item.source]
        assert text.modality is TEXT
        assert os.path.splitext(os.path.basename(sketch))[0] == os.path.splitext(os.path.basename(photo.media))[0]
        assert item.pid == photo.pid
    assert len(read(name, tmp_path, "sketch").query) == len(splits.gallery) == photos
    sketches = [item for item in splits.train if item.media.modality is SKETCH]
    assert {item.pid for item in sketches} == {item.pid for item in splits.train}


@pytest.mark.parametrize("name", ["tri_cuhk_pedes", "tri_icfg_pedes", "tri_rstpreid"])
def test_tri_text_is_scored_with_both_galleries(tmp_path, name):
    text = make(name, tmp_path, "text")
    (other,) = text.variants
    assert (text.removal, other.removal) == ("source", "none")
    original = make(name, tmp_path, "text", text_gallery="original")
    assert (original.name, original.variants[0].name) == (other.name, text.name)
    assert "original gallery" in other.name
    for query in ("sketch", "sketch+text", "rgb+sketch+text"):
        assert make(name, tmp_path, query).removal == "source"
        assert not make(name, tmp_path, query).variants


@pytest.mark.parametrize("name", SETS)
def test_removal(tmp_path, name):
    EVERY[name](tmp_path)
    captions = {"icfg_pedes": 3, "rstpreid": 6}[name.removeprefix("tri_")]
    pairs = removed(name, tmp_path, "text")
    assert len(pairs) == (captions if name.startswith("tri_") else 0)
    for query in ("rgb+text", "rgb"):
        for item, photo in removed(name, tmp_path, query):
            assert str(item.media.parts[0]) == str(photo.media)
    assert len(removed(name, tmp_path, "rgb+text")) == captions


DAMAGE = [
    ({"id": "7"}, "record 3: 'id' must be a whole number"),
    ({"captions": "one"}, "record 3: 'captions' must be a list"),
    ({"split": "testing"}, "record 3: 'split' must be one of"),
    ({"split": None}, "record 3 has no 'split'|record 3: 'split'"),
    ({"path": 5}, "record 3: '(file|img)_path' must be a string"),
    ({"path": "../../x.jpg"}, "does not stay inside"),
    ({"path": "nobody/x.jpg"}, "1 of 6 images .* the first: .*nobody/x.jpg"),
]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("changes", "says"), DAMAGE)
def test_damaged_records(tmp_path, name, changes, says):
    base = EVERY[name](tmp_path)
    file, records = FILES[name.removeprefix("tri_")]
    key = "img_path" if "rstp" in name else "file_path"
    changed = {key if k == "path" else k: v for k, v in changes.items()}
    out = [dict(record) for record in records]
    out[3].update(changed)
    write(base / file, json.dumps([{k: v for k, v in record.items() if v is not None} for record in out]))
    with pytest.raises(DatasetError, match=f"(?s){says}") as error:
        read(name, tmp_path)
    assert file in str(error.value)


def test_rstp_knows_no_split_but_its_three(tmp_path):
    text_sets.rstpreid(tmp_path, [{**each, "split": "trial" if each["split"] == "val" else each["split"]}
                             for each in text_sets.RSTP_RECORDS])  # fmt: skip
    with pytest.raises(DatasetError, match="record 2: 'split' must be one of train, val, test"):
        read("rstpreid", tmp_path)


@pytest.mark.parametrize("name", SETS)
def test_duplicates_and_broken_images(tmp_path, name):
    base = EVERY[name](tmp_path / "root")
    file, records = FILES[name.removeprefix("tri_")]
    write(base / file, json.dumps([*records, records[3]]))
    splits = read(name, tmp_path / "root")
    assert len(splits.gallery) == 3
    assert any("1 repeated records in" in note for note in splits.notes)
    path = str(splits.gallery[0].media)
    with open(path, "r+b") as image:
        image.truncate(200)
    with pytest.raises(MediaError, match="Replace or remove"):
        read_image(path)


def test_ids_in_training_and_test(tmp_path):
    text_sets.rstpreid(tmp_path, [*text_sets.RSTP_RECORDS[:-1], {**text_sets.RSTP_RECORDS[-1], "id": 7}])
    assert any("1 identities are in train and in test" in note for note in read("rstpreid", tmp_path).notes)


def test_a_missing_sketch(tmp_path):
    base = multimodal_sets.tri_rstpreid(tmp_path)
    (base / "imgs-sketch/3905_c9_0001.jpg").unlink()
    with pytest.raises(DatasetError, match=r"the first: RSTPReid/imgs-sketch/3905_c9_0001\.jpg"):
        read("tri_rstpreid", tmp_path)
    assert len(read("tri_rstpreid", tmp_path, "text").query) == 6
    with pytest.raises(ModalityError, match="tri_rstpreid has no ir"):
        read("tri_rstpreid", tmp_path, "ir")
