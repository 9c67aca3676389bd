"""What holds for every adapter."""

import pickle

import pytest

from aio_plugin import datasets
from aio_plugin.datasets import all_adapters
from aio_plugin.datasets.base import check_query
from aio_plugin.datasets.storage.columns import Columnar, columns_of
from aio_plugin.datasets.storage.lmdb_images import MARK
from aio_plugin.errors import ConfigError, DatasetError, ModalityError
from aio_plugin.modality import Modality, parse_combination
from aio_plugin.training.images import read_image

from .miniatures import EVERY, rgb

ADAPTERS = all_adapters()
NAMES = sorted(ADAPTERS)
CASES = [(name, query) for name in NAMES for query in (*ADAPTERS[name].queries, None)]


def test_every_dataset_is_registered_under_its_own_name():
    assert sorted(EVERY) == NAMES
    assert all(ADAPTERS[name].name == name for name in NAMES)


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(DatasetError, match="'sysu_mm01'"):
        datasets.ADAPTERS["sysu-mm01"]


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_documented(name):
    options = ADAPTERS[name].options
    assert len({option.name for option in options}) == len(options)
    assert all(option.about for option in options)


@pytest.mark.parametrize(("name", "query"), CASES)
def test_items_are_well_formed(name, query, tmp_path):
    EVERY[name](tmp_path)
    splits = ADAPTERS[name].read(str(tmp_path), {}, query)
    for part, items in (("train", splits.train), ("query", splits.query), ("gallery", splits.gallery)):
        for item in items:
            assert item.camid >= 0, part
            for media in item.media.parts:
                assert (tmp_path / media.split("#")[0]).is_file()
                assert "\\" not in media
                assert (media.modality is Modality.TEXT) == bool(media.caption)
                assert media.caption or MARK in media or "#" not in media
                assert media.caption or read_image(media).size == (8, 16)
                assert media.modality is Modality.RGB or name not in rgb.BUILDERS
        assert len({(str(i.media), i.pid, i.media.partners) for i in items}) == len(items), "items stand once"
    pids = {item.pid for item in splits.train}
    assert pids == set(range(len(pids)))
    assert list(pickle.loads(pickle.dumps(splits.train))) == list(splits.train)
    assert set(splits.published) <= set(splits.found)


@pytest.mark.parametrize(("name", "query"), [case for case in CASES if ADAPTERS[case[0]].queries])
def test_queries_have_the_modalities_asked_for(name, query, tmp_path):
    EVERY[name](tmp_path)
    splits = ADAPTERS[name].read(str(tmp_path), {}, query)
    own = ADAPTERS[name].queries
    wanted = {query} if query else set(own) if name.startswith("orbench_") else {own[0]}
    assert splits.query
    assert splits.gallery
    assert {item.media.combination for item in splits.query} == wanted
    for item in splits.gallery:
        assert Modality.TEXT not in item.media.combination, "captions in the gallery would leak"
    assert {item.pid for item in splits.query} <= {item.pid for item in splits.gallery}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "manifest"])
def test_toy_counts_are_noted_and_no_error(name, tmp_path):
    EVERY[name](tmp_path)
    assert any("found (published)" in note for note in ADAPTERS[name].read(str(tmp_path), {}, None).notes)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_folder_shows_the_tree(name, tmp_path):
    with pytest.raises(DatasetError) as error:
        ADAPTERS[name].read(str(tmp_path), {}, None)
    message = str(error.value)
    assert f"{ADAPTERS[name].folder}/" in message
    assert message.count("MISSING") >= 3
    assert str(tmp_path) in message


@pytest.mark.parametrize("name", NAMES)
def test_the_dataset_s_own_folder_as_root_is_explained(name, tmp_path):
    base = EVERY[name](tmp_path)
    with pytest.raises(DatasetError, match="not be that folder"):
        ADAPTERS[name].read(str(base), {}, None)


@pytest.mark.parametrize("name", NAMES)
def test_order_does_not_depend_on_the_file_system(name, tmp_path, monkeypatch):
    from aio_plugin.datasets.reading import layouts as files

    EVERY[name](tmp_path)
    plain = ADAPTERS[name].read(str(tmp_path), {}, None)
    scandir = files.os.scandir
    monkeypatch.setattr(files.os, "scandir", lambda path: reversed(list(scandir(path))))
    shuffled = ADAPTERS[name].read(str(tmp_path), {}, None)
    for part in ("train", "query", "gallery"):
        assert list(getattr(plain, part)) == list(getattr(shuffled, part))


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name, tmp_path):
    EVERY[name](tmp_path)
    with pytest.raises(ConfigError, match=f"aio.datasets.{name}.shotz"):
        ADAPTERS[name].read(str(tmp_path), {"shotz": 1}, None)


@pytest.mark.parametrize(
    ("name", "option", "value", "says"),
    [
        ("sysu_mm01", "mode", "indor", "'indoor'"),
        ("sysu_mm01", "shots", 5, "1, 10"),
        ("sysu_mm01", "shots", "1", "type int"),
        ("sysu_mm01", "trials", "oficial", "'official'"),
        ("sysu_mm01", "train_ids", "val", "train"),
        ("llcm", "vis_to_ir", "deen_releas", "'deen_release'"),
        ("mask1k", "train_styles", "AG", "ABCDEF"),
        ("mask1k", "test_styles", "", "ABCDEF"),
        ("mask1k", "test_styles", "AA", "each once"),
        ("pku_sketch", "splits", 0, "at least 1"),
        ("pku_sketch", "split", 11, "10 splits"),
        ("pku_sketch", "lists", "seed", "'seeded'"),
        ("cuhk_pedes", "captions", "first", "'first2'"),
        ("cuhk_pedes", "split", "train", "test, val"),
        ("tri_cuhk_pedes", "text_gallery", "origin", "'original'"),
        ("msmt17_v1", "train", "val", "train"),
        ("msmt17_all", "version", "v3", "'v"),
        ("msmt17_v2", "version", "v1", "Unknown option"),
        ("cuhk03_classic_labeled", "split", 21, "1 to 20"),
        ("cuhk03_classic_labeled", "split", "1", "type int"),
        ("cuhk03_np_labeled", "split", 1, "Unknown option"),
        ("randperson", "images", "all", "full"),
        ("luperson_nl", "images", "lmdbs", "'lmdb'"),
    ],
)
def test_option_values_are_checked(name, option, value, says, tmp_path):
    EVERY[name](tmp_path)
    with pytest.raises(ConfigError, match=says):
        ADAPTERS[name].read(str(tmp_path), {option: value}, None)


def test_a_query_the_dataset_cannot_form_names_those_it_can(tmp_path):
    with pytest.raises(ModalityError, match=r"sysu_mm01 has no text queries of its own; it has ir"):
        check_query("sysu_mm01", ADAPTERS["sysu_mm01"].queries, parse_combination("text"))
    EVERY["pku_sketch"](tmp_path)
    with pytest.raises(ModalityError, match="rgb"):
        ADAPTERS["pku_sketch"].read(str(tmp_path), {}, (Modality.RGB,))


@pytest.mark.parametrize("name", ["synth_pedes", "luperson_nl", "mals", "luperson_t"])
def test_what_is_large_knows_its_numbers_without_its_items(name, tmp_path):
    EVERY[name](tmp_path)
    train = ADAPTERS[name].read(str(tmp_path), {}, None).train
    assert isinstance(train, Columnar)
    for known, counted in zip(train.columns(), columns_of(list(train)), strict=True):
        assert known.tolist() == counted.tolist()
