"""MALS, LUPerson-T, UFine6926 and UFine3C; damage to these and to FineGPR."""

import json
import pickle
import shutil

import numpy as np
import pytest

from aio_plugin.datasets import ADAPTERS
from aio_plugin.datasets.text import ufine6926
from aio_plugin.errors import DatasetError, ProtocolError
from aio_plugin.modality import parse_combination

from . import fixtures_synthetic as made
from .fixtures import write
from .fixtures_synthetic import SYNTHETIC_BUILDERS


def read(name, root, query=None, **options):
    return ADAPTERS[name].read(str(root), options, parse_combination(query) if query else None)


def captions_of(item):
    return [media.caption for media in item.media.partners]


def names_of(items):
    return [str(item.media).rsplit("/", 1)[-1] for item in items]


# -- MALS


def test_mals(tmp_path):
    base = made.mals(tmp_path)
    splits = read("mals", tmp_path)
    kept = [r for records in made.MALS_FILES.values() for r in records if r["caption"] != "again"]
    assert [str(item.media) for item in splits.train] == [str(base / "images/MALS" / r["image"]) for r in kept]
    assert [captions_of(item) for item in splits.train] == [
        [text] if (text := r["caption"].strip()) else [] for r in kept
    ]
    assert [item.pid for item in splits.train] == list(range(6))
    assert str(splits.train[3].media.partners[0]) == f"{base}/data/gene_attrs/g_c_g_a_0_attrs.json#1.0"
    assert splits.found == {"train images": 6, "train captions": 5}
    assert any("1 records of images annotated before are left out" in note for note in splits.notes)
    assert any("1 blank captions" in note for note in splits.notes)
    assert any("a class of its own" in note for note in splits.notes)
    assert any("train images 6 (1,510,330)" in note for note in splits.notes)


@pytest.mark.parametrize("annotations", ["data/gene_attrs", "gene_attrs", "data/finetune/gene_attrs"])
@pytest.mark.parametrize("images", ["images/MALS", "images", "."])
def test_mals_folders(tmp_path, annotations, images):
    made.mals(tmp_path, annotations=annotations, images=images)
    assert len(read("mals", tmp_path).train) == 6


def test_mals_indexing(tmp_path):
    made.mals(tmp_path)
    train = read("mals", tmp_path).train
    items = list(train)
    assert train[-1] == items[-1]
    assert train[4:0:-2] == items[4:0:-2]
    assert list(pickle.loads(pickle.dumps(train))) == items
    for outside in (6, -7):
        with pytest.raises(IndexError):
            train[outside]


def test_mals_files_that_are_no_annotations_are_counted(tmp_path):
    base = made.mals(tmp_path)
    write(base / "data/gene_attrs/cuhk_train.json", "[]")
    assert any("data/gene_attrs/cuhk_train.json" in note for note in read("mals", tmp_path).notes)
    for file in (base / "data/gene_attrs").glob("g_*.json"):
        file.unlink()
    with pytest.raises(DatasetError, match="names are not of the form g_c_g_a_0_attrs.json"):
        read("mals", tmp_path)
    (base / "data/gene_attrs/cuhk_train.json").unlink()
    with pytest.raises(DatasetError, match="there are no annotations"):
        read("mals", tmp_path)


def test_mals_is_compact(tmp_path):
    """A photo takes little more than its path and caption."""
    import tracemalloc

    records = [made.mals_record("4x", n % 3) | {"image": f"gene_crop/4x/{n:06d}.jpg"} for n in range(4_000)]
    base = made.mals(tmp_path, {"g_4x_attrs.json": records[:1]})
    (base / "data/gene_attrs/g_4x_attrs.json").write_text(json.dumps(records))
    for record in records[1:]:
        (base / "images/MALS" / record["image"]).hardlink_to(base / "images/MALS" / records[0]["image"])
    tracemalloc.start()
    train = read("mals", tmp_path).train
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(train) == 4_000
    assert kept < 300 * 4_000


# -- LUPerson-T


def test_luperson_t(tmp_path):
    base = made.luperson_t(tmp_path)
    splits = read("luperson_t", tmp_path)
    assert names_of(splits.train) == [r["file_path"] for r in made.LUPERSON_T_RECORDS]
    assert [captions_of(item) for item in splits.train] == [
        ["A pedestrian 3.", "Someone 3."],
        ["A pedestrian 1.", "Someone 1."],
        ["A pedestrian 12.", "Someone 12."],
    ]
    assert [item.pid for item in splits.train] == [0, 1, 2]
    assert splits.found == {"train images": 3, "train captions": 6}
    write(base / "other.json", "[]")
    with pytest.raises(DatasetError, match="each of LuPerson_caption_all_some_2v.json, other.json"):
        read("luperson_t", tmp_path)
    assert len(read("luperson_t", tmp_path, annotations="LuPerson_caption_all_some_2v.json").train) == 3


# -- UFine6926 and UFine3C


def test_ufine6926(tmp_path):
    base = made.ufine6926(tmp_path)
    splits = read("ufine6926", tmp_path)
    assert [item.pid for item in splits.train] == [0, 1, 0]
    assert [str(item.media) for item in splits.train] == [str(base / f"images/{n}.jpg") for n in (1, 2, 3)]
    assert captions_of(splits.train[0]) == [made.LONG, "A woman."]
    assert [(item.pid, item.source) for item in splits.query] == [(4927, 0)] * 2 + [(5000, 1)] * 2 + [(4927, 2)] * 2
    assert splits.query[0].media.caption == "A man in black."
    assert str(splits.query[0].media) == f"{base}/UFine6926_Annotations_1024.json#1.0"
    assert names_of(splits.gallery) == ["9.jpg", "10.jpg", "11.jpg"]
    assert splits.found["train captions"] == 6
    assert splits.published["test captions"] == 15_258
    assert any("2 of 12 captions have more than 75 words" in note and "77 tokens" in note for note in splits.notes)


def test_ufine_published_counts_add_up():
    published = ufine6926.SET.published["train"] | ufine6926.SET.published["test"]
    for what, number in (("ids", 6_926), ("images", 26_206), ("captions", 52_412)):
        assert published[f"train {what}"] + published[f"test {what}"] == number


def test_ufine3c(tmp_path):
    made.ufine3c(tmp_path)
    splits = read("ufine3c", tmp_path)
    assert not len(splits.train)
    assert [item.media.caption for item in splits.query] == [
        "One.",
        "Two.",
        "Three.",
        made.LONG,
        "Four.",
        "Five.",
        "Six.",
    ]
    assert [item.pid for item in splits.gallery] == [1, 2, 2]
    assert splits.found == {"test ids": 2, "test images": 3, "test captions": 7}
    assert any("from MSMT17 (2), UFine6926 (1)" in note for note in splits.notes)
    assert any("77 tokens" in note for note in splits.notes)


def test_ufine3c_has_nothing_to_train_on(tmp_path):
    made.ufine3c(tmp_path, [*made.UFINE3C_RECORDS, made.ufine_record("train", 9, 9, ["No."])])
    splits = read("ufine3c", tmp_path)
    assert not len(splits.train)
    assert any("1 photos of split train are left out" in note for note in splits.notes)


def test_ufine_short_captions_are_no_matter(tmp_path):
    records = [record | {"captions": ["Short."]} for record in made.UFINE6926_RECORDS]
    made.ufine6926(tmp_path, records)
    assert not any("77 tokens" in note for note in read("ufine6926", tmp_path).notes)


@pytest.mark.parametrize("name", ["ufine6926", "ufine3c"])
def test_ufine_protocols(tmp_path, name):
    SYNTHETIC_BUILDERS[name](tmp_path)
    adapter = ADAPTERS[name]
    for query, removal in ((None, "none"), ("text", "none"), ("rgb+text", "source"), ("rgb", "source")):
        combination = parse_combination(query) if query else None
        protocol = adapter.protocol(str(tmp_path), {}, combination)
        assert protocol.removal == removal
        assert protocol.similarity_distribution is (removal == "none")
        assert protocol.name.startswith(f"{name}, test, all captions")
        splits = adapter.read(str(tmp_path), {}, combination)
        assert not {item.camid for item in splits.query} & {item.camid for item in splits.gallery}
        (trial,) = protocol.trials(splits.query, splits.gallery)
        removed = (trial.query_key[:, None] == trial.gallery_key) & (trial.gallery_key >= 0)
        sources = np.array([item.source for item in splits.query])
        own = sources[:, None] == np.arange(len(splits.gallery))
        assert (removed == (own if removal == "source" else np.zeros_like(own))).all()


@pytest.mark.parametrize("name", ["finegpr", "finegpr_c", "mals", "luperson_t"])
def test_training_only(tmp_path, name):
    with pytest.raises(ProtocolError, match=f"{name} is for training only"):
        ADAPTERS[name].protocol(str(tmp_path), {})


# -- damage

JSON = {
    "mals": ("data/gene_attrs/g_4x_attrs.json", made.MALS_FILES["g_4x_attrs.json"]),
    "luperson_t": ("LuPerson_caption_all_some_2v.json", made.LUPERSON_T_RECORDS),
    "ufine6926": ("UFine6926_Annotations_1024.json", made.UFINE6926_RECORDS),
    "ufine3c": ("anno.json", made.UFINE3C_RECORDS),
}
PATHS = {"mals": "image"}
CAPTIONS = {"mals": "caption"}


def damages(name):
    path, caption = PATHS.get(name, "file_path"), CAPTIONS.get(name, "captions")
    yield path, None, f"record 1 has no '{path}'"
    yield path, 5, f"record 1: '{path}' must be a string"
    yield path, "../../x.jpg", "does not stay inside"
    yield path, "nobody/x.jpg", "the first: .*nobody/x.jpg"
    yield caption, None, f"record 1 has no '{caption}'"
    yield caption, 7, f"record 1: '{caption}' must be a "
    yield caption, ["a", 2] if name != "mals" else ["a"], f"record 1: '{caption}'"
    if name.startswith("ufine"):
        yield "id", "1", "record 1: 'id' must be a whole number"
        yield "split", "valid", "'split' must be one of train, test"


@pytest.mark.parametrize(
    ("name", "key", "value", "says"), [(name, *damage) for name in JSON for damage in damages(name)]
)
def test_damaged_records(tmp_path, name, key, value, says):
    base = SYNTHETIC_BUILDERS[name](tmp_path)
    file, records = JSON[name]
    changed = [dict(record) for record in records]
    changed[1].update({key: value})
    if value is None:
        del changed[1][key]
    write(base / file, json.dumps(changed))
    with pytest.raises(DatasetError, match=says):
        read(name, tmp_path)


@pytest.mark.parametrize("name", sorted(JSON))
@pytest.mark.parametrize("content", [b"[", b"{}", b"[]", b"[3]", b"nonsense", b'[{"id": "\xff"}]'])
def test_files_that_are_no_annotations(tmp_path, name, content):
    base = SYNTHETIC_BUILDERS[name](tmp_path)
    (base / JSON[name][0]).write_bytes(content)
    with pytest.raises(DatasetError):
        read(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "folder"),
    [("finegpr", "FineGPR_subset"), ("finegpr_c", "FineGPR_subset"), ("mals", "images"), ("luperson_t", "images"),
     ("ufine6926", "images"), ("ufine3c", "images"), ("finegpr_c", "captions.txt"),
     ("luperson_t", JSON["luperson_t"][0]), ("ufine3c", "anno.json"), ("mals", "data/gene_attrs")],
)  # fmt: skip
def test_links_out_of_the_root(tmp_path, name, folder):
    base = SYNTHETIC_BUILDERS[name](tmp_path / "root")
    (base / folder).rename(tmp_path / "outside")
    (base / folder).symlink_to(tmp_path / "outside")
    with pytest.raises(DatasetError, match="link out of the data root"):
        read(name, tmp_path / "root")


@pytest.mark.parametrize(
    ("name", "gone"),
    [("mals", "images/MALS/gene_crop/4x/0.jpg"), ("luperson_t", "images/000001_0004.jpg"), ("ufine3c", "images/2.jpg"),
     ("ufine6926", "images/10.jpg")],
)  # fmt: skip
def test_absent_and_empty_images(tmp_path, name, gone):
    base = SYNTHETIC_BUILDERS[name](tmp_path)
    (base / gone).write_bytes(b"")
    with pytest.raises(DatasetError, match=f"the first: {base.name}/{gone}"):
        read(name, tmp_path)


@pytest.mark.parametrize(("name", "folder"), [("finegpr", "FineGPR_subset"), ("finegpr_c", "FineGPR_subset")])
def test_empty_folders(tmp_path, name, folder):
    base = SYNTHETIC_BUILDERS[name](tmp_path)
    shutil.rmtree(base / folder)
    (base / folder).mkdir()
    with pytest.raises(DatasetError, match="is left to train on"):
        read(name, tmp_path)
