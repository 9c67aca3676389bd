"""Captioned sets, and Tri-* with a sketch of every photo: splits, captions, queries, removal, folders."""

import json
import tracemalloc
from pathlib import PurePath

import pytest

from aio_plugin.datasets.text import ufine
from aio_plugin.modality import MODALITIES

from .miniatures import ADAPTERS, EVERY, assert_noted, camids_of, captions_of, pids_of, protocol, read, removed, text
from .miniatures.text import CUHK_RECORDS, ICFG_RECORDS, RSTP_RECORDS, UFINE3C_RECORDS, UFINE6926_RECORDS

RGB, _, SKETCH, TEXT, *_ = MODALITIES
SEARCHED = {
    "cuhk_pedes": CUHK_RECORDS,
    "icfg_pedes": ICFG_RECORDS,
    "rstpreid": RSTP_RECORDS,
    "ufine6926": UFINE6926_RECORDS,
    "ufine3c": UFINE3C_RECORDS,
    "tri_cuhk_pedes": CUHK_RECORDS,
    "tri_icfg_pedes": ICFG_RECORDS,
    "tri_rstpreid": RSTP_RECORDS,
}
MALS_RECORDS = [r for records in text.MALS_FILES.values() for r in records if r["caption"] != "again"]
TRAINED = {
    "cuhk_pedes": (CUHK_RECORDS, [1, 0, 1], {"train captions": 6}, ["1 blank captions"]),
    "icfg_pedes": (
        ICFG_RECORDS,
        [1, 0, 1],
        {"train ids": 2, "train images": 3, "train captions": 3, "test ids": 2, "test images": 3, "test captions": 3},
        ["1 of 6 paths.*test/0003/renamed.jpg"],
    ),
    "rstpreid": (RSTP_RECORDS, [0, 1], {"train images": 2, "test captions": 6}, []),
    "ufine6926": (
        UFINE6926_RECORDS,
        [0, 1, 0],
        {"train captions": 6, "test captions": 6},
        ["2 of 12 captions have more than 75 words.*77 tokens"],
    ),
    "ufine3c": (
        UFINE3C_RECORDS,
        [],
        {"test ids": 2, "test images": 3, "test captions": 7},
        [r"from MSMT17 \(2\), UFine6926 \(1\)", "77 tokens"],
    ),
    "synth_pedes": (
        text.SYNTH_RECORDS,
        [2] * 3 + [0] * 3 + [1] * 3,
        {"train ids": 3, "train images": 9},
        [r"train ids 3 \(312,321\), train images 9 \(4,791,711\)"],
    ),
    "luperson_t": (text.LUPERSON_T_RECORDS, [0, 1, 2], {"train images": 3, "train captions": 6}, []),
    "mals": (
        MALS_RECORDS,
        list(range(6)),
        {"train images": 6, "train captions": 5},
        [
            "1 records of images annotated before are left out",
            "1 blank captions",
            "a class of its own",
            r"train images 6 \(1,510,330\)",
        ],
    ),
}
"""Dataset -> its records, labels, counts, notes."""


def of_split(records, split):
    return [record for record in records if record.get("split", "train").lower() == split]


def path_of(record):
    """The path of a record's photo, without its suffix."""
    path = next(record[key] for key in ("file_path", "img_path", "image") if key in record)
    return str(PurePath(path.replace("\\", "/")).with_suffix(""))


def sentences(record):
    captions = record.get("captions") or [record["caption"]]
    return [caption.strip() for caption in captions if caption.strip()]


def labels(items, modality):
    """Name without suffix -> label."""
    return {PurePath(item.media).stem: item.pid for item in items if item.media.modality is modality}


def shows(media, record):
    return str(PurePath(media).with_suffix("")).endswith("/" + path_of(record))


@pytest.mark.parametrize("name", TRAINED)
def test_training_items_are_the_records(tmp_path, name):
    EVERY[name](tmp_path)
    splits = read(name, tmp_path)
    records, pids, counts, notes = TRAINED[name]
    assert pids_of(splits.train) == pids
    for item, record in zip(splits.train, of_split(records, "train"), strict=True):
        assert shows(item.media, record)
        assert captions_of(item) == sentences(record)
    assert counts.items() <= splits.found.items()
    assert_noted(splits, *notes)


@pytest.mark.parametrize(("name", "query"), [(name, query) for name in SEARCHED for query in ADAPTERS[name].queries])
def test_queries_are_made_of_their_source_photo(tmp_path, name, query):
    EVERY[name](tmp_path)
    splits = read(name, tmp_path, query)
    records = of_split(SEARCHED[name], "test")
    assert pids_of(splits.gallery) == [record["id"] for record in records]
    assert all(shows(item.media, record) for item, record in zip(splits.gallery, records, strict=True))
    assert [item.source for item in splits.gallery] == list(range(len(records)))
    captions = [(at, caption) for at, record in enumerate(records) for caption in sentences(record)]
    sources = captions if TEXT in query else [(at, None) for at in range(len(records))]
    for item, (source, caption) in zip(splits.query, sources, strict=True):
        parts = {media.modality: media for media in item.media.parts}
        assert (item.source, item.pid) == (source, records[source]["id"])
        assert tuple(sorted(parts, key=MODALITIES.index)) == query
        assert RGB not in parts or str(parts[RGB]) == str(splits.gallery[source].media)
        assert SKETCH not in parts or (shows(parts[SKETCH], records[source]) and "sketch" in parts[SKETCH])
        assert TEXT not in parts or parts[TEXT].caption == caption
    assert not {*camids_of(splits.query)} & {*camids_of(splits.gallery)}
    drawn, photos = ({i.camid for i in splits.train if (i.media.modality is RGB) is rgb} for rgb in (False, True))
    assert not drawn & photos
    if "tri" in name:
        assert labels(splits.train, SKETCH) == labels(splits.train, RGB), "a photo and its sketch"
        assert len(splits.train) == 2 * len(of_split(SEARCHED[name], "train"))
    rule = "none" if query == (TEXT,) and "tri" not in name else "source"
    assert protocol(name, tmp_path, query).removal == rule
    if query == ADAPTERS[name].queries[0]:
        assert protocol(name, tmp_path).name == protocol(name, tmp_path, query).name
    pairs = [] if rule == "none" else [(item, splits.gallery[item.source]) for item in splits.query]
    assert removed(name, tmp_path, query) == pairs


def test_cuhk_captions(tmp_path):
    base = text.cuhk_pedes(tmp_path)
    every, two = read("cuhk_pedes", tmp_path), read("cuhk_pedes", tmp_path, captions="first2")
    assert str(every.train[1].media.partners[2]) == f"{base}/reid_raw.json#2.2"
    records = of_split(CUHK_RECORDS, "test")
    assert [item.media.caption for item in two.query] == [c for r in records for c in sentences(r)[:2]]
    assert len(every.query) == 8
    assert len(two.train[1].media.partners) == 3, "training keeps all"


def test_other_captions_are_named_by_their_place_too(tmp_path):
    for name, number, place in (
        ("icfg_pedes", 0, "ICFG-PEDES.json#3.0"),
        ("rstpreid", 0, "data_captions.json#3.0"),
        ("ufine6926", 0, "UFine6926_Annotations_1024.json#1.0"),
    ):
        assert str(read_new(name, tmp_path).query[number].media) == f"{tmp_path}/{ADAPTERS[name].folder}/{place}"
    for name, number, place in (
        ("synth_pedes", 8, "synthpedes_dataset.json#8.0"),
        ("mals", 3, "data/gene_attrs/g_c_g_a_0_attrs.json#1.0"),
    ):
        partner = read_new(name, tmp_path).train[number].media.partners[0]
        assert str(partner) == f"{tmp_path}/{ADAPTERS[name].folder}/{place}"


def read_new(name, root):
    EVERY[name](root)
    return read(name, root)


@pytest.mark.parametrize(
    ("name", "pid", "captions"), [("cuhk_pedes", 11500, ["Val."]), ("rstpreid", 3800, ["Val.", "Val two."])]
)
def test_validation_split(tmp_path, name, pid, captions):
    EVERY[name](tmp_path)
    splits = read(name, tmp_path, split="val")
    assert [item.media.caption for item in splits.query] == captions
    assert pids_of(splits.gallery) == [pid]
    assert splits.found["val captions"] == len(captions)
    assert splits.published["val captions"] == {"cuhk_pedes": 6_158, "rstpreid": 2_000}[name]


def test_cameras_are_in_the_names(tmp_path):
    icfg, rstp = read_new("icfg_pedes", tmp_path), read_new("rstpreid", tmp_path)
    assert camids_of(icfg.train) == [4, 2, 14]
    assert camids_of(rstp.train) == [13, 2]
    assert camids_of(rstp.gallery) == [14, 4, 8]
    assert icfg.published == {
        "train ids": 3_102, "train images": 34_674, "train captions": 34_674,
        "test ids": 1_000, "test images": 19_848, "test captions": 19_848,
    }  # fmt: skip
    assert rstp.published["test images"] == 1_000


def test_icfg_goes_by_two_names_and_has_no_validation_split(tmp_path):
    text.icfg_pedes(tmp_path, name="ICFG_PEDES.json")
    assert "ICFG_PEDES.json#3.0" in read("icfg_pedes", tmp_path).query[0].media
    assert not ADAPTERS["icfg_pedes"].options


# -- Tri-* ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "folder", "options"),
    [
        ("tri_cuhk_pedes", "imgs-sketch", {}),
        ("tri_cuhk_pedes", "sketch/aliyun/CUHK", {}),
        ("tri_cuhk_pedes", "sketch/aliyun/CUHK-PEDES/imgs", {}),
        ("tri_cuhk_pedes", "mine/drawn", {"sketches": "mine/drawn"}),
        ("tri_icfg_pedes", "imgs-sketch2", {}),
        ("tri_icfg_pedes", "sketch/aliyun/ICFG-PEDES", {}),
        ("tri_rstpreid", "imgs-sketch2", {}),
        ("tri_rstpreid", "sketch/aliyun/RSTPReid/imgs", {}),
    ],
)
def test_tri_sketch_folders(tmp_path, name, folder, options):
    base = EVERY[name](tmp_path, folder)
    splits = read(name, tmp_path, **options)
    for item in splits.query:
        sketch, _ = item.media.parts
        assert sketch.startswith(f"{base}/{folder}/")
        assert shows(sketch, of_split(SEARCHED[name], "test")[item.source])


@pytest.mark.parametrize("name", ["tri_cuhk_pedes", "tri_icfg_pedes", "tri_rstpreid"])
def test_tri_text_is_scored_with_both_galleries(tmp_path, name):
    both = protocol(name, tmp_path, "text")
    (other,) = both.variants
    assert (both.removal, other.removal) == ("source", "none")
    original = protocol(name, tmp_path, "text", text_gallery="original")
    assert (original.name, original.variants[0].name) == (other.name, both.name)
    assert (original.removal, original.variants[0].removal) == ("none", "source")
    assert "original gallery" in other.name
    for query in ("sketch", "sketch+text", "rgb+sketch+text"):
        assert protocol(name, tmp_path, query, text_gallery="original").removal == "source"
        assert not protocol(name, tmp_path, query).variants


# -- UFine ------------------------------------------------------------------------------------------------------------


def test_ufine_published_counts_add_up():
    published = ufine.SETS["ufine6926"].published["train"] | ufine.SETS["ufine6926"].published["test"]
    assert published["test captions"] == 15_258
    for what, number in (("ids", 6_926), ("images", 26_206), ("captions", 52_412)):
        assert published[f"train {what}"] + published[f"test {what}"] == number


def test_ufine_short_captions_are_no_matter(tmp_path):
    text.ufine6926(tmp_path, [record | {"captions": ["Short."]} for record in UFINE6926_RECORDS])
    assert not any("77 tokens" in note for note in read("ufine6926", tmp_path).notes)


@pytest.mark.parametrize("name", ["ufine6926", "ufine3c"])
def test_ufine_protocols(name):
    for query in (None, "text", "rgb+text", "rgb"):
        scored = protocol(name, "", query)
        assert scored.similarity_distribution is (scored.removal == "none") is (query in (None, "text"))
        assert scored.name.startswith(f"{name}, test, all captions")


# -- MALS and memory --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("annotations", ["data/gene_attrs", "gene_attrs", "data/finetune/gene_attrs"])
@pytest.mark.parametrize("images", ["images/MALS", "images", "."])
def test_mals_folders(tmp_path, annotations, images):
    text.mals(tmp_path, annotations=annotations, images=images)
    assert len(read("mals", tmp_path).train) == 6


def traced(read_train):
    """Items, and the bytes that stay and that were held at most."""
    tracemalloc.start()
    train = read_train()
    memory = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return train, *memory


def test_mals_is_compact(tmp_path):
    """A photo takes little more than its path and caption."""
    records = [text.mals_record("4x", n % 3) | {"image": f"gene_crop/4x/{n:06d}.jpg"} for n in range(4_000)]
    base = text.mals(tmp_path, {"g_4x_attrs.json": records[:1]})
    (base / "data/gene_attrs/g_4x_attrs.json").write_text(json.dumps(records))
    for record in records[1:]:
        (base / "images/MALS" / record["image"]).hardlink_to(base / "images/MALS" / records[0]["image"])
    train, kept, _ = traced(lambda: read("mals", tmp_path).train)
    assert len(train) == 4_000
    assert kept < 300 * 4_000


def test_synth_pedes_is_streamed(tmp_path):
    """Reading long records never holds more than a fraction of the file's objects."""
    file = text.synth_pedes(tmp_path) / "synthpedes_dataset.json"
    file.write_text(json.dumps([{**text.SYNTH_RECORDS[k % 9], "attributes": ["x" * 20_000]} for k in range(1000)]))
    train, _, peak = traced(lambda: read("synth_pedes", tmp_path).train)
    assert len(train) == 1000
    assert peak < 5_000_000 < file.stat().st_size
