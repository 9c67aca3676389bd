"""MALS: annotation files, folders, storage."""

import json
import pickle

import pytest

from aio_plugin.errors import DatasetError

from ..miniatures import read
from ..miniatures import text as made
from ..miniatures.files import write


def captions_of(item):
    return [media.caption for media in item.media.partners]


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
