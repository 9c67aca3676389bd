"""Which protocol every adapter asks for, and with which facts from disk."""

import shutil

import pytest

from aio_plugin.datasets import all_adapters
from aio_plugin.errors import DatasetError, ModalityError, ProtocolError
from aio_plugin.modality import parse_combination
from aio_plugin.protocols.llcm import LLCM
from aio_plugin.protocols.pku import PKUSketch
from aio_plugin.protocols.sysu import SysuMM01
from aio_plugin.protocols.whole_gallery import WholeGallery

from .miniatures import EVERY, read
from .miniatures import infrared as infrared_sets
from .miniatures import multimodal as multimodal_sets
from .miniatures import sketch as sketch_sets
from .miniatures import text as text_sets

ADAPTERS = all_adapters()


def make(name, root, query=None, **options):
    return ADAPTERS[name].protocol(str(root), options, parse_combination(query) if query else None)


def test_sysu(tmp_path):
    base = infrared_sets.sysu_mm01(tmp_path)
    protocol = make("sysu_mm01", tmp_path, mode="indoor", shots=10)
    assert isinstance(protocol, SysuMM01)
    assert all(word in protocol.name for word in ("indoor", "multi-shot", "official"))
    assert sorted(protocol.permutations[4]) == [2, 3, 6, 10, 17, 30]
    (base / "exp/rand_perm_cam.mat").unlink()
    assert "AGW" in make("sysu_mm01", tmp_path, trials="agw").name
    with pytest.raises(DatasetError, match="trials: agw"):
        make("sysu_mm01", tmp_path)


def test_llcm(tmp_path):
    names = {
        (query, released): make("llcm", tmp_path, query, vis_to_ir="deen_release" if released else "paper").name
        for query in (None, "ir", "rgb")
        for released in (False, True)
    }
    assert len({names[None, False], names["ir", False], names[None, True], names["ir", True]}) == 1
    assert names["ir", False] == LLCM("ir_to_vis").name
    assert names["rgb", False] == LLCM("vis_to_ir").name
    assert names["rgb", True] == LLCM("deen_release").name


def test_pku(tmp_path):
    base = sketch_sets.pku_sketch(tmp_path)
    protocol = make("pku_sketch", tmp_path)
    assert isinstance(protocol, PKUSketch)
    assert [len(split) for split in protocol.splits] == [4] * 10
    assert make("pku_sketch", tmp_path, split=3).splits == [protocol.splits[2]]
    shutil.rmtree(base)
    with pytest.raises(DatasetError, match="MISSING"):
        make("pku_sketch", tmp_path)


def test_text_sets(tmp_path):
    cases = [
        ("cuhk_pedes", None, {}, "none"),
        ("cuhk_pedes", "text", {}, "none"),
        ("cuhk_pedes", "rgb+text", {}, "source"),
        ("cuhk_pedes", "rgb", {}, "source"),
        ("tri_cuhk_pedes", None, {}, "source"),
        ("tri_cuhk_pedes", "text", {}, "source"),
        ("tri_cuhk_pedes", "text", {"text_gallery": "original"}, "none"),
        ("tri_cuhk_pedes", "sketch+text", {"text_gallery": "original"}, "source"),
    ]
    for name, query, options, expected in cases:
        protocol = make(name, tmp_path, query, **options)
        assert isinstance(protocol, WholeGallery)
        assert protocol.removal == expected, (name, query)


@pytest.mark.parametrize("name", [name for name in ADAPTERS if ADAPTERS[name].queries])
def test_a_direction_that_the_dataset_does_not_have_is_refused(tmp_path, name):
    EVERY[name](tmp_path)
    with pytest.raises(ModalityError, match=rf"{name} has no rgb\+ir\+cp queries"):
        ADAPTERS[name].read(str(tmp_path), {}, parse_combination("rgb+ir+cp"))


def test_names_tell_variants_apart(tmp_path):
    for name, options in [
        ("cuhk_pedes", {"captions": "first2"}),
        ("cuhk_pedes", {"split": "val"}),
        ("mask1k", {"test_styles": "F"}),
    ]:
        assert make(name, tmp_path).name != make(name, tmp_path, **options).name


@pytest.mark.parametrize("name", [name for name in EVERY if name != "manifest" and not ADAPTERS[name].queries])
def test_training_sets_have_none(tmp_path, name):
    EVERY[name](tmp_path)
    assert not read(name, tmp_path).query
    with pytest.raises(ProtocolError, match=f"{name} is for training only"):
        make(name, tmp_path)


SEARCHED = sorted(name for name in EVERY if name == "manifest" or ADAPTERS[name].queries)
DRAWN = ("sysu_mm01", "llcm", "pku_sketch")
PLACES = ("sysu_mm01", "llcm", "rgbnt201")


def trials_of(name, root, query, **options):
    """(lists, trials) of a direction and of the variants that are scored beside it."""
    splits = ADAPTERS[name].read(str(root), options, query)
    protocol = ADAPTERS[name].protocol(str(root), options, query)
    for each in (protocol, *protocol.variants):
        yield splits, list(each.trials(splits.query, splits.gallery))


def number_of_trials(name, query):
    if query is not None or name not in ("manifest", "orbench_one", "orbench_two", "orbench_three", "orbench_four"):
        return 10 if name in DRAWN else 1
    return 4 if name == "manifest" else len(ADAPTERS[name].queries)


@pytest.mark.parametrize("name", SEARCHED)
def test_lists_and_trials_fit(tmp_path, name):
    EVERY[name](tmp_path)
    for query in (None, *ADAPTERS[name].queries):
        for splits, trials in trials_of(name, tmp_path, query):
            if "classic" not in name:
                assert len(trials) == number_of_trials(name, query)
            assert len({trial.name for trial in trials}) == len(trials)
            for trial in trials:
                assert len(trial.query) == len(trial.query_key) > 0
                assert len(trial.gallery) == len(trial.gallery_key) > 0
                for at, items in ((trial.query, splits.query), (trial.gallery, splits.gallery)):
                    assert len(set(at.tolist())) == len(at)
                    assert 0 <= at.min() <= at.max() < len(items)


@pytest.mark.parametrize("name", ["cuhk03_classic_detected", "cuhk03_classic_labeled"])
@pytest.mark.parametrize("split", [1, 2, 20])
def test_classic_cuhk03_asks_for_everybody_once_a_repeat(tmp_path, name, split):
    EVERY[name](tmp_path)
    ((splits, trials),) = trials_of(name, tmp_path, None, split=split)
    repeats = {trial.name[:-1]: 0 for trial in trials}
    assert list(repeats) == [f"repeat {number}" for number in range(1, 11)]
    for trial in trials:
        repeats[trial.name[:-1]] += len(trial.query)
        drawn = [splits.gallery[at].pid for at in trial.gallery]
        assert len(set(drawn)) == len(drawn), "one image a person"
    assert set(repeats.values()) == {len(splits.query)}


@pytest.mark.parametrize("name", SEARCHED)
def test_no_query_of_another_modality_falls_to_the_camera_rule(tmp_path, name):
    EVERY[name](tmp_path)
    for query in (None, *ADAPTERS[name].queries):
        for splits, trials in trials_of(name, tmp_path, query):
            for item, photo in gone(splits, trials):
                alike = set(item.media.combination) & set(photo.media.combination)
                assert alike or name in PLACES or item.source == photo.source >= 0, (query, item, photo)


def gone(splits, trials):
    """(query, gallery) pairs that the rule of some trial removes."""
    for trial in trials:
        for q, query_key in zip(trial.query, trial.query_key, strict=True):
            for g, gallery_key in zip(trial.gallery, trial.gallery_key, strict=True):
                if query_key == gallery_key >= 0:
                    yield splits.query[q], splits.gallery[g]


def removed(name, root, query, **options):
    """(query, gallery) pairs of the first trial that its rule removes."""
    splits, trials = next(trials_of(name, root, parse_combination(query), **options))
    return list(gone(splits, trials[:1]))


@pytest.mark.parametrize("query", ["sketch+text", "sketch", "text", "rgb+sketch+text", "rgb"])
def test_tri_removes_exactly_the_source_photo(tmp_path, query):
    multimodal_sets.tri_cuhk_pedes(tmp_path)
    pairs = removed("tri_cuhk_pedes", tmp_path, query)
    assert len(pairs) == (8 if "text" in query else 4)
    for item, photo in pairs:
        stem = photo.media.split("/imgs/")[1].rsplit(".", 1)[0]
        images = [media for media in item.media.parts if media.modality.is_image]
        assert all(stem in media for media in images)
        assert item.pid == photo.pid


def test_removal_rules(tmp_path):
    infrared_sets.sysu_mm01(tmp_path)
    infrared_sets.llcm(tmp_path)
    text_sets.cuhk_pedes(tmp_path)
    sysu = {(item.camid + 1, photo.camid + 1) for item, photo in removed("sysu_mm01", tmp_path, "ir")}
    assert sysu == {(3, 2)}, "camera 3 never searches camera 2"
    llcm = removed("llcm", tmp_path, "ir")
    assert llcm
    assert all((item.pid, item.camid) == (photo.pid, photo.camid) for item, photo in llcm)
    assert removed("cuhk_pedes", tmp_path, "text") == []
    assert len(removed("cuhk_pedes", tmp_path, "rgb+text")) == 8
