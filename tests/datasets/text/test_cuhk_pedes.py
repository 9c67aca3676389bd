"""CUHK-PEDES: splits, captions, their photos."""

import pytest

from aio_plugin.errors import DatasetError

from ..miniatures import read
from ..miniatures import text as made
from ..miniatures.text import CUHK_RECORDS

TEST = [record for record in CUHK_RECORDS if record["split"] == "test"]


def below(media, folder):
    return str(media).split(f"/{folder}/")[1]


def test_cuhk_splits(tmp_path):
    base = made.cuhk_pedes(tmp_path)
    splits = read("cuhk_pedes", tmp_path)
    assert [item.pid for item in splits.train] == [1, 0, 1]
    partners = [[media.caption for media in item.media.partners] for item in splits.train]
    assert partners == [["Red coat.", "Tall man."], ["One.", "Two.", "Three."], ["Red coat again."]]
    assert str(splits.train[1].media.partners[2]) == f"{base}/reid_raw.json#2.2"
    assert below(splits.train[1].media, "imgs") == "Market/0099_c1s1_000001_00.jpg"
    captions = [(item.media.caption, item.pid, item.source) for item in splits.query]
    assert captions == [(c.strip(), r["id"], at) for at, r in enumerate(TEST) for c in r["captions"]]
    assert [below(item.media, "imgs") for item in splits.gallery] == [record["file_path"] for record in TEST]
    assert [item.source for item in splits.gallery] == [0, 1, 2, 3]
    assert any("1 blank captions" in note for note in splits.notes)


def test_cuhk_queries_never_share_a_camera_with_the_gallery(tmp_path):
    made.cuhk_pedes(tmp_path)
    splits = read("cuhk_pedes", tmp_path)
    assert not {item.camid for item in splits.query} & {item.camid for item in splits.gallery}


def test_cuhk_first_two_captions(tmp_path):
    made.cuhk_pedes(tmp_path)
    every, two = read("cuhk_pedes", tmp_path), read("cuhk_pedes", tmp_path, captions="first2")
    assert len(every.query) == 8
    assert [item.media.caption for item in two.query] == [c.strip() for r in TEST for c in r["captions"][:2]]
    assert len(two.train[1].media.partners) == 3, "training keeps all"


def test_cuhk_validation_split(tmp_path):
    made.cuhk_pedes(tmp_path)
    splits = read("cuhk_pedes", tmp_path, split="val")
    assert [item.media.caption for item in splits.query] == ["Val."]
    assert [item.pid for item in splits.gallery] == [11500]


def test_cuhk_rgb_and_text_uses_the_source_photo(tmp_path):
    made.cuhk_pedes(tmp_path)
    splits = read("cuhk_pedes", tmp_path, "rgb+text")
    assert len(splits.query) == 8
    for item in splits.query:
        assert str(item.media) == str(splits.gallery[item.source].media)
        (text,) = item.media.partners
        assert text.caption in [c.strip() for c in TEST[item.source]["captions"]]
    assert len(read("cuhk_pedes", tmp_path, "rgb").query) == 4


def test_cuhk_download_without_split_says_what_to_get(tmp_path):
    records = [{k: v for k, v in record.items() if k != "split"} for record in CUHK_RECORDS]
    made.cuhk_pedes(tmp_path, records, "caption_all.json")
    with pytest.raises(DatasetError, match=r"Put reid_raw\.json"):
        read("cuhk_pedes", tmp_path)


def test_repeated_records_count_once(tmp_path):
    made.cuhk_pedes(tmp_path, [*CUHK_RECORDS, CUHK_RECORDS[0]])
    splits = read("cuhk_pedes", tmp_path)
    assert len(splits.gallery) == 4
    assert any("1 repeated records in reid_raw.json" in note for note in splits.notes)


def test_one_image_of_two_people_is_an_error(tmp_path):
    made.cuhk_pedes(tmp_path, [*CUHK_RECORDS, {**CUHK_RECORDS[0], "id": 77}])
    with pytest.raises(DatasetError, match="records 0 and 8"):
        read("cuhk_pedes", tmp_path)


def test_a_person_in_training_and_test_is_noted(tmp_path):
    extra = {**CUHK_RECORDS[1], "id": 12001, "file_path": "cam_a/new.bmp"}
    made.cuhk_pedes(tmp_path, [*CUHK_RECORDS, extra])
    assert any("1 identities are in train and in test" in note for note in read("cuhk_pedes", tmp_path).notes)


def test_absent_images_are_counted_by_folder(tmp_path):
    base = made.cuhk_pedes(tmp_path)
    (base / "imgs/CUHK01/0001.png").unlink()
    (base / "imgs/cam_b/7.bmp").write_bytes(b"")
    with pytest.raises(DatasetError) as error:
        read("cuhk_pedes", tmp_path)
    message = str(error.value)
    assert "2 of 8 images listed in CUHK-PEDES/reid_raw.json" in message
    assert "the first: CUHK-PEDES/imgs/CUHK01/0001.png" in message
    assert "CUHK01 1 of 2, cam_b 1 of 1" in message
