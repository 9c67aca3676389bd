"""What holds for every set that is RGB alone."""

import os
import pickle

import pytest

from aio_plugin.datasets import all_adapters
from aio_plugin.errors import ConfigError, DatasetError, ProtocolError
from aio_plugin.modality import Modality
from aio_plugin.training.media import read_image

from ..miniatures import EVERY, read
from ..miniatures import rgb as made

ADAPTERS = all_adapters()
SEARCHED = sorted(name for name in made.BUILDERS if ADAPTERS[name].queries)
TRAINED = sorted(set(made.BUILDERS) - set(SEARCHED))


@pytest.mark.parametrize("name", sorted(made.BUILDERS))
def test_every_set_reads(name, tmp_path):
    EVERY[name](tmp_path)
    splits = read(name, tmp_path)
    assert ADAPTERS[name].name == name
    labels = {item.pid for item in splits.train}
    assert labels == set(range(len(labels)))
    for items in (splits.train, splits.query, splits.gallery):
        assert all(item.camid >= 0 and item.media.parts == (item.media,) for item in items)
        assert all(item.media.modality is Modality.RGB for item in items)
        assert all(read_image(item.media).size == (8, 16) for item in items)
        assert len({item.media for item in items}) == len(items)
    assert list(pickle.loads(pickle.dumps(splits.train))) == list(splits.train)
    assert set(splits.published) <= set(splits.found)
    assert any("found (published)" in note for note in splits.notes)


@pytest.mark.parametrize("name", sorted(made.BUILDERS))
def test_a_missing_folder_shows_the_tree(name, tmp_path):
    with pytest.raises(DatasetError, match=r"MISSING(?s:.*)MISSING(?s:.*)MISSING"):
        read(name, tmp_path)


@pytest.mark.parametrize("name", TRAINED)
def test_training_sets_are_no_targets(name, tmp_path):
    EVERY[name](tmp_path)
    assert not read(name, tmp_path).query
    with pytest.raises(ProtocolError, match="training only"):
        ADAPTERS[name].protocol(str(tmp_path), {})


@pytest.mark.parametrize(
    ("name", "option", "value", "says"),
    [
        ("msmt17_v1", "train", "val", "train"),
        ("msmt17_all", "version", "v3", "'v"),
        ("msmt17_v2", "version", "v1", "Unknown option"),
        ("cuhk03_classic_labeled", "split", 21, "1 to 20"),
        ("cuhk03_classic_labeled", "split", "1", "type int"),
        ("cuhk03_np_labeled", "split", 1, "Unknown option"),
        ("randperson", "images", "all", "full"),
        ("luperson_nl", "images", "lmdbs", "'lmdb'"),
        ("clonedperson", "split", 1, "Unknown option"),
        ("unrealperson", "split", 1, "Unknown option"),
    ],
)
def test_options_are_checked(name, option, value, says, tmp_path):
    EVERY[name](tmp_path)
    with pytest.raises(ConfigError, match=says):
        read(name, tmp_path, **{option: value})


def outside(base, relative):
    """Replace a file or folder by a link to one outside the data root."""
    away = base.parent.parent / "outside"
    (base / relative).rename(away)
    os.symlink(away, base / relative)


@pytest.mark.parametrize(
    ("name", "linked"),
    [
        ("msmt17_v1", "test/0001"),
        ("cuhk03_np_detected", "images_detected"),
        ("cuhk03_classic_detected", "images_detected/1_001_1_01.png"),
        ("randperson", "randperson_subset"),
        ("clonedperson", "test/query"),
        ("unrealperson", "unreal_v2.1/images"),
        ("luperson_nl", "lmdb"),
        ("luperson_nl", "keys.pkl"),
    ],
)
def test_links_out_of_the_data_root(name, linked, tmp_path):
    outside(EVERY[name](tmp_path / "root"), linked)
    with pytest.raises(DatasetError, match="link out of the data root"):
        read(name, tmp_path / "root")
