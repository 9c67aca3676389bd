"""Which protocol every adapter asks for, and with which facts from disk."""

import shutil

import pytest

from aio_plugin.errors import DatasetError, ModalityError, ProtocolError
from aio_plugin.protocols.llcm import LLCM
from aio_plugin.protocols.pku import PKUSketch
from aio_plugin.protocols.sysu import SysuMM01

from .miniatures import ADAPTERS, EVERY, infrared, protocol, read, removed, removed_pairs, sketch


def test_sysu(tmp_path):
    base = infrared.sysu_mm01(tmp_path)
    scored = protocol("sysu_mm01", tmp_path, mode="indoor", shots=10)
    assert isinstance(scored, SysuMM01)
    assert all(word in scored.name for word in ("indoor", "multi-shot", "official"))
    assert sorted(scored.permutations[4]) == [2, 3, 6, 10, 17, 30]
    pairs = {(item.camid + 1, photo.camid + 1) for item, photo in removed("sysu_mm01", tmp_path, "ir")}
    assert pairs == {(3, 2)}, "camera 3 never searches camera 2"
    (base / "exp/rand_perm_cam.mat").unlink()
    assert "AGW" in protocol("sysu_mm01", tmp_path, trials="agw").name
    with pytest.raises(DatasetError, match="trials: agw"):
        protocol("sysu_mm01", tmp_path)


def test_llcm(tmp_path):
    for vis_to_ir, direction in (("paper", "vis_to_ir"), ("deen_release", "deen_release")):
        names = {query: protocol("llcm", tmp_path, query, vis_to_ir=vis_to_ir).name for query in (None, "ir", "rgb")}
        assert names[None] == names["ir"] == LLCM("ir_to_vis").name
        assert names["rgb"] == LLCM(direction).name
    infrared.llcm(tmp_path)
    pairs = removed("llcm", tmp_path, "ir")
    assert pairs
    assert all((item.pid, item.camid) == (photo.pid, photo.camid) for item, photo in pairs)


def test_pku(tmp_path):
    base = sketch.pku_sketch(tmp_path)
    scored = protocol("pku_sketch", tmp_path)
    assert isinstance(scored, PKUSketch)
    assert [len(split) for split in scored.splits] == [4] * 10
    assert protocol("pku_sketch", tmp_path, split=3).splits == [scored.splits[2]]
    shutil.rmtree(base)
    with pytest.raises(DatasetError, match="MISSING"):
        protocol("pku_sketch", tmp_path)


@pytest.mark.parametrize("name", [name for name in ADAPTERS if ADAPTERS[name].queries])
def test_a_direction_that_the_dataset_does_not_have_is_refused(tmp_path, name):
    EVERY[name](tmp_path)
    with pytest.raises(ModalityError, match=rf"{name} has no rgb\+ir\+cp queries"):
        read(name, tmp_path, "rgb+ir+cp")


def test_names_tell_variants_apart(tmp_path):
    for name, options in [
        ("cuhk_pedes", {"captions": "first2"}),
        ("cuhk_pedes", {"split": "val"}),
        ("mask1k", {"test_styles": "F"}),
    ]:
        assert protocol(name, tmp_path).name != protocol(name, tmp_path, **options).name


@pytest.mark.parametrize("name", [name for name in EVERY if name != "manifest" and not ADAPTERS[name].queries])
def test_training_sets_have_none(tmp_path, name):
    EVERY[name](tmp_path)
    assert not read(name, tmp_path).query
    with pytest.raises(ProtocolError, match=f"{name} is for training only"):
        protocol(name, tmp_path)


SEARCHED = sorted(name for name in EVERY if name == "manifest" or ADAPTERS[name].queries)
DRAWN = ("sysu_mm01", "llcm", "pku_sketch")
PLACES = ("sysu_mm01", "llcm", "rgbnt201")


def trials_of(name, root, query):
    """(splits, trials) of a direction and of the variants that are scored beside it."""
    splits, scored = read(name, root, query), protocol(name, root, query)
    for each in (scored, *scored.variants):
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


@pytest.mark.parametrize("name", SEARCHED)
def test_no_query_of_another_modality_falls_to_the_camera_rule(tmp_path, name):
    EVERY[name](tmp_path)
    for query in (None, *ADAPTERS[name].queries):
        for splits, trials in trials_of(name, tmp_path, query):
            for item, photo in removed_pairs(splits, trials):
                alike = set(item.media.combination) & set(photo.media.combination)
                assert alike or name in PLACES or item.source == photo.source >= 0, (query, item, photo)
