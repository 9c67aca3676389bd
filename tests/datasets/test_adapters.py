"""What holds for every adapter."""

import pickle

import pytest

from aio_plugin import datasets
from aio_plugin.datasets.base import check_query
from aio_plugin.datasets.storage.columns import Columnar, columns_of
from aio_plugin.datasets.storage.lmdb_images import MARK
from aio_plugin.errors import ConfigError, DatasetError, ModalityError
from aio_plugin.modality import Modality, parse_combination
from aio_plugin.training.images import read_image

from .miniatures import ADAPTERS, EVERY, captions_of, read, rgb

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
    splits = read(name, tmp_path, query)
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
    assert set(splits.published) <= set(splits.found)


@pytest.mark.parametrize(("name", "query"), [case for case in CASES if ADAPTERS[case[0]].queries])
def test_queries_have_the_modalities_asked_for(name, query, tmp_path):
    EVERY[name](tmp_path)
    splits = read(name, tmp_path, query)
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
    assert any("found (published)" in note for note in read(name, tmp_path).notes)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_folder_shows_the_tree(name, tmp_path):
    with pytest.raises(DatasetError) as error:
        read(name, tmp_path)
    message = str(error.value)
    assert f"{ADAPTERS[name].folder}/" in message
    assert message.count("MISSING") >= 3
    assert str(tmp_path) in message


@pytest.mark.parametrize("name", NAMES)
def test_the_dataset_s_own_folder_as_root_is_explained(name, tmp_path):
    base = EVERY[name](tmp_path)
    with pytest.raises(DatasetError, match="not be that folder"):
        read(name, base)


@pytest.mark.parametrize("name", NAMES)
def test_order_does_not_depend_on_the_file_system(name, tmp_path, monkeypatch):
    from aio_plugin.datasets.reading import layouts as files

    EVERY[name](tmp_path)
    plain = read(name, tmp_path)
    scandir = files.os.scandir
    monkeypatch.setattr(files.os, "scandir", lambda path: reversed(list(scandir(path))))
    shuffled = read(name, tmp_path)
    for part in ("train", "query", "gallery"):
        assert list(getattr(plain, part)) == list(getattr(shuffled, part))


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name, tmp_path):
    EVERY[name](tmp_path)
    with pytest.raises(ConfigError, match=f"aio.datasets.{name}.shotz"):
        read(name, tmp_path, shotz=1)


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
        ("mask1k", "queries", "mult", "'multi'"),
        ("regdb", "trial", 0, "aio.datasets.regdb.trial is 0"),
        ("regdb", "trial", 11, "aio.datasets.regdb.trial is 11"),
        ("pku_sketch", "splits", 0, "at least 1"),
        ("pku_sketch", "split", 11, "10 splits"),
        ("pku_sketch", "lists", "seed", "'seeded'"),
        ("cuhk_pedes", "captions", "first", "'first2'"),
        ("cuhk_pedes", "split", "train", "test, val"),
        ("tri_cuhk_pedes", "text_gallery", "origin", "'original'"),
        ("msmt17_v1", "train", "val", "train"),
        ("msmt17_all", "version", "v3", "'v"),
        ("msmt17_v2", "version", "v1", "Unknown config key"),
        ("cuhk03_classic_labeled", "split", 21, "1 to 20"),
        ("cuhk03_classic_labeled", "split", "1", "type int"),
        ("cuhk03_np_labeled", "split", 1, "Unknown config key"),
        ("randperson", "images", "all", "full"),
        ("luperson_nl", "images", "lmdbs", "'lmdb'"),
        *(
            ("finegpr", option, value, rf"finegpr\.{option} .*'all' or numbers from 1")
            for option, values in (
                ("views", ("0", "37", "", "1,", "1;2", "²")),
                ("weathers", "8"),
                ("lights", ["noon"]),
            )
            for value in values
        ),
    ],
)
def test_option_values_are_checked(name, option, value, says, tmp_path):
    EVERY[name](tmp_path)
    with pytest.raises(ConfigError, match=says):
        read(name, tmp_path, **{option: value})


def test_a_query_the_dataset_cannot_form_names_those_it_can():
    with pytest.raises(ModalityError, match=r"sysu_mm01 has no text queries of its own; it has ir"):
        check_query("sysu_mm01", ADAPTERS["sysu_mm01"].queries, parse_combination("text"))


@pytest.mark.parametrize("name", NAMES)
def test_training_items_are_a_sequence_that_pickles(name, tmp_path):
    EVERY[name](tmp_path)
    train = read(name, tmp_path).train
    items = list(train)
    assert len(train) == len(items)
    for part in (slice(None), slice(None, None, -1), slice(1, 8, 3), slice(4, 0, -2)):
        assert list(train[part]) == items[part]
    unpickled = list(pickle.loads(pickle.dumps(train)))
    assert [(item, captions_of(item)) for item in unpickled] == [(item, captions_of(item)) for item in items]
    assert not items or train[-1] == items[-1]
    for outside in (len(items), -len(items) - 1):
        with pytest.raises(IndexError):
            train[outside]
    if name in ("synth_pedes", "luperson_nl", "mals", "luperson_t"):
        assert isinstance(train, Columnar), "what is large knows its numbers without its items"
        for column, expected in zip(train.columns(), columns_of(items), strict=True):
            assert column.tolist() == expected.tolist()
