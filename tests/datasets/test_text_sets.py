"""CUHK-PEDES, Tri-CUHK-PEDES and SYNTH-PEDES: captions, their photos and their sketches."""

import json

import pytest

from aio_plugin.datasets import ADAPTERS
from aio_plugin.errors import DatasetError
from aio_plugin.modality import Modality, parse_combination

from . import fixtures
from .fixtures import CUHK_RECORDS, SYNTH_RECORDS

TEST = [record for record in CUHK_RECORDS if record["split"] == "test"]


def read(name, root, query=None, **options):
    return ADAPTERS[name].read(str(root), options, parse_combination(query) if query else None)


def below(media, folder):
    return str(media).split(f"/{folder}/")[1]


# -- CUHK-PEDES


def test_cuhk_splits(tmp_path):
    base = fixtures.cuhk_pedes(tmp_path)
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
    fixtures.cuhk_pedes(tmp_path)
    splits = read("cuhk_pedes", tmp_path)
    assert not {item.camid for item in splits.query} & {item.camid for item in splits.gallery}


def test_cuhk_first_two_captions(tmp_path):
    fixtures.cuhk_pedes(tmp_path)
    every, two = read("cuhk_pedes", tmp_path), read("cuhk_pedes", tmp_path, captions="first2")
    assert len(every.query) == 8
    assert [item.media.caption for item in two.query] == [c.strip() for r in TEST for c in r["captions"][:2]]
    assert len(two.train[1].media.partners) == 3, "training keeps all"


def test_cuhk_validation_split(tmp_path):
    fixtures.cuhk_pedes(tmp_path)
    splits = read("cuhk_pedes", tmp_path, split="val")
    assert [item.media.caption for item in splits.query] == ["Val."]
    assert [item.pid for item in splits.gallery] == [11500]


def test_cuhk_rgb_and_text_uses_the_source_photo(tmp_path):
    fixtures.cuhk_pedes(tmp_path)
    splits = read("cuhk_pedes", tmp_path, "rgb+text")
    assert len(splits.query) == 8
    for item in splits.query:
        assert str(item.media) == str(splits.gallery[item.source].media)
        (text,) = item.media.partners
        assert text.caption in [c.strip() for c in TEST[item.source]["captions"]]
    assert len(read("cuhk_pedes", tmp_path, "rgb").query) == 4


def test_cuhk_download_without_split_says_what_to_get(tmp_path):
    records = [{k: v for k, v in record.items() if k != "split"} for record in CUHK_RECORDS]
    fixtures.cuhk_pedes(tmp_path, records, "caption_all.json")
    with pytest.raises(DatasetError, match=r"Put reid_raw\.json"):
        read("cuhk_pedes", tmp_path)


def test_repeated_records_count_once(tmp_path):
    fixtures.cuhk_pedes(tmp_path, [*CUHK_RECORDS, CUHK_RECORDS[0]])
    splits = read("cuhk_pedes", tmp_path)
    assert len(splits.gallery) == 4
    assert any("1 records of images that stand in reid_raw.json twice" in note for note in splits.notes)


def test_one_image_of_two_people_is_an_error(tmp_path):
    fixtures.cuhk_pedes(tmp_path, [*CUHK_RECORDS, {**CUHK_RECORDS[0], "id": 77}])
    with pytest.raises(DatasetError, match="records 0 and 8"):
        read("cuhk_pedes", tmp_path)


def test_a_person_in_training_and_test_is_noted(tmp_path):
    extra = {**CUHK_RECORDS[1], "id": 12001, "file_path": "cam_a/new.bmp"}
    fixtures.cuhk_pedes(tmp_path, [*CUHK_RECORDS, extra])
    assert any("1 identities are in train and in test" in note for note in read("cuhk_pedes", tmp_path).notes)


def test_absent_images_are_counted_by_folder(tmp_path):
    base = fixtures.cuhk_pedes(tmp_path)
    (base / "imgs/CUHK01/0001.png").unlink()
    (base / "imgs/cam_b/7.bmp").write_bytes(b"")
    with pytest.raises(DatasetError) as error:
        read("cuhk_pedes", tmp_path)
    message = str(error.value)
    assert "2 of 8 images listed in CUHK-PEDES/reid_raw.json" in message
    assert "the first: CUHK-PEDES/imgs/CUHK01/0001.png" in message
    assert "CUHK01 1 of 2, cam_b 1 of 1" in message


# -- Tri-CUHK-PEDES


def test_tri_default_pairs_every_caption_with_its_own_sketch(tmp_path):
    fixtures.tri_cuhk_pedes(tmp_path)
    splits = read("tri_cuhk_pedes", tmp_path)
    assert len(splits.query) == 8
    for item in splits.query:
        sketch, text = item.media.parts
        record = TEST[item.source]
        assert below(sketch, "imgs-sketch2").split(".")[0] == record["file_path"].split(".")[0]
        assert text.caption in [c.strip() for c in record["captions"]]
        assert item.pid == record["id"] == splits.gallery[item.source].pid


@pytest.mark.parametrize(
    ("query", "number"),
    [("sketch", 4), ("text", 8), ("rgb", 4), ("rgb+sketch", 4), ("rgb+text", 8), ("rgb+sketch+text", 8)],
)
def test_tri_combinations(tmp_path, query, number):
    fixtures.tri_cuhk_pedes(tmp_path)
    splits = read("tri_cuhk_pedes", tmp_path, query)
    assert len(splits.query) == number
    assert len(splits.gallery) == 4
    for item in splits.query:
        for media in item.media.parts:
            if media.modality is Modality.RGB:
                assert str(media) == str(splits.gallery[item.source].media)


def test_tri_training_sketches_share_the_pid(tmp_path):
    fixtures.tri_cuhk_pedes(tmp_path)
    splits = read("tri_cuhk_pedes", tmp_path)
    photos = {below(i.media, "imgs").split(".")[0]: i.pid for i in splits.train if i.media.modality is Modality.RGB}
    sketches = {
        below(i.media, "imgs-sketch2").split(".")[0]: i.pid for i in splits.train if i.media.modality is Modality.SKETCH
    }
    assert photos == sketches
    assert len(splits.train) == 6


@pytest.mark.parametrize("folder", ["imgs-sketch", "sketch/aliyun/CUHK", "sketch/aliyun/CUHK-PEDES/imgs"])
def test_tri_sketch_folders(tmp_path, folder):
    fixtures.tri_cuhk_pedes(tmp_path, folder)
    assert folder in read("tri_cuhk_pedes", tmp_path).query[0].media


def test_tri_sketch_folder_option(tmp_path):
    fixtures.tri_cuhk_pedes(tmp_path, "mine/drawn")
    assert "/mine/drawn/" in read("tri_cuhk_pedes", tmp_path, sketches="mine/drawn").query[0].media
    with pytest.raises(DatasetError, match=r"imgs-sketch2/<as imgs> +MISSING  or imgs-sketch,"):
        read("tri_cuhk_pedes", tmp_path)
    with pytest.raises(DatasetError, match=r"theirs.*MISSING"):
        read("tri_cuhk_pedes", tmp_path, sketches="theirs")
    with pytest.raises(DatasetError, match="stay inside"):
        read("tri_cuhk_pedes", tmp_path, sketches="../drawn")


def test_tri_missing_sketches(tmp_path):
    base = fixtures.tri_cuhk_pedes(tmp_path)
    (base / "imgs-sketch2/CUHK01/0363004.png").unlink()
    assert any("1 of 3 training photos have no sketch" in note for note in read("tri_cuhk_pedes", tmp_path).notes)
    (base / "imgs-sketch2/CUHK01/0001.png").unlink()
    with pytest.raises(DatasetError, match=r"the first: CUHK-PEDES/imgs-sketch2/CUHK01/0001\.png"):
        read("tri_cuhk_pedes", tmp_path)
    assert len(read("tri_cuhk_pedes", tmp_path, "text").query) == 8, "text alone needs no sketch"


# -- SYNTH-PEDES


def test_synth_pedes(tmp_path):
    base = fixtures.synth_pedes(tmp_path)
    splits = read("synth_pedes", tmp_path)
    assert not splits.query
    assert not splits.gallery
    assert [item.pid for item in splits.train] == [2] * 3 + [0] * 3 + [1] * 3
    for number, (item, record) in enumerate(zip(splits.train, SYNTH_RECORDS, strict=True)):
        assert str(item.media) == str(base / record["file_path"])
        assert [media.caption for media in item.media.partners] == record["captions"]
        assert str(item.media.partners[1]) == f"{base}/synthpedes_dataset.json#{number}.1"
    assert any("train ids 3 (312,321), train images 9 (4,791,711)" in note for note in splits.notes)


def test_synth_pedes_indexing(tmp_path):
    fixtures.synth_pedes(tmp_path)
    train = read("synth_pedes", tmp_path).train
    items = list(train)
    assert len(items) == len(train) == 9
    assert train[-1] == items[-1]
    assert train[2:8:3] == items[2:8:3]
    assert train[::-1] == items[::-1]
    for outside in (9, -10):
        with pytest.raises(IndexError):
            train[outside]


def test_synth_pedes_is_streamed(tmp_path):
    """Reading 3,000 long records never holds more than a fraction of the file's objects."""
    import tracemalloc

    base = fixtures.synth_pedes(tmp_path)
    filler = {"attributes": ["x" * 20_000]}
    records = [{**SYNTH_RECORDS[k % 9], **filler} for k in range(1000)]
    (base / "synthpedes_dataset.json").write_text(json.dumps(records))
    tracemalloc.start()
    train = read("synth_pedes", tmp_path).train
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(train) == 1000
    assert peak < 5_000_000 < (base / "synthpedes_dataset.json").stat().st_size
