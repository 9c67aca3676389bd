"""RegDB's and ORBench's scores against scripts written out query by query, as their authors' are."""

import numpy as np
import pytest
import torch

from aio_plugin.datasets import ADAPTERS
from aio_plugin.evaluation.score import score
from aio_plugin.modality import MODALITIES, Item, Media
from aio_plugin.protocols.whole_gallery import WholeGallery

from ..metrics import slow
from .helpers import image

RGB, IR, SKETCH, TEXT, CP = MODALITIES


def regdb(people=9, images=5, missing=(4,)):
    """Visible and thermal images of some people; of one there is nothing visible."""
    visible = [image(f"Visible/{p}/{k}.bmp", p, 0) for p in range(people) if p not in missing for k in range(images)]
    thermal = [image(f"Thermal/{p}/{k}.bmp", p, 1, IR) for p in range(people) for k in range(images)]
    return visible, thermal


def numbers(items, seed, ties=False):
    """Random features that know a little of who is shown; with ``ties`` many are the same, of length 2 exactly."""
    rng = np.random.default_rng(seed)
    if ties:
        return rng.choice([-1.0, 1.0], (len(items), 4))
    return rng.normal(size=(len(items), 6)) + np.eye(6)[[item.pid % 6 for item in items]]


def by_hand(query, gallery, query_features, gallery_features):
    """(rank-1, rank-5, mAP, mINP) of one ranking a query; equal similarities stay in the gallery's order."""
    q, g = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query_features, gallery_features))
    pids, none = [[item.pid for item in items] for items in (query, gallery)], ([-1] * len(query), [-1] * len(gallery))
    curve, ap, inp, valid, _ = slow.evaluate((-q @ g.T).round(9).tolist(), *pids, *none, "image", "step", 5)
    return [curve[0], curve[4], ap, inp], valid


def as_protocol(protocol, query, gallery, query_features, gallery_features):
    tensors = (torch.tensor(x, dtype=torch.float64) for x in (query_features, gallery_features))
    return score(*tensors, query, gallery, protocol)


@pytest.mark.parametrize("searched_with", [RGB, IR])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_regdb_both_directions(searched_with, ties, seed):
    visible, thermal = regdb()
    query, gallery = (visible, thermal) if searched_with is RGB else (thermal, visible)
    q, g = numbers(query, seed, ties), numbers(gallery, seed + 10, ties)
    protocol = ADAPTERS["regdb"].protocol("", {"trial": 4}, (searched_with,))
    result = as_protocol(protocol, query, gallery, q, g)
    expected, valid = by_hand(query, gallery, q, g)
    found = [result.rank(1), result.rank(5), result.mAP, result.mINP]
    assert found == pytest.approx(expected, abs=1e-6)
    (trial,) = result.trials
    assert (trial.retrieval.num_query, trial.retrieval.num_valid) == (len(query), valid)
    assert (len(query), valid) == ((40, 40) if searched_with is RGB else (45, 40))


def test_regdb_names_say_direction_and_split():
    adapter = ADAPTERS["regdb"]
    names = {adapter.protocol("", {"trial": t}, query).name for t in (1, 2) for query in (None, *adapter.queries)}
    assert names == {
        f"regdb, {way}, split {t} of 10, nothing removed"
        for t in (1, 2)
        for way in ("thermal to visible (t2v)", "visible to thermal (v2t)")
    }


def lists():
    """Queries of two lists, unequally long, and a gallery."""
    gallery = [image(f"vis/{p}/{k}.jpg", p, 0) for p in range(6) for k in range(3)]
    first = [Item(Media(f"t#{p}", TEXT, "x", [Media(f"cp/{p}.jpg", CP)]), p, 1) for p in range(6)]
    second = [
        Item(Media(f"cp/{p}.jpg", CP, partners=[Media(f"t#{p}", TEXT, "x")]), p, 1) for p in range(3) for _ in range(2)
    ]
    return [*first[:3], *second, *first[3:]], gallery, first, second


def test_kinds_are_trials_of_their_own_with_equal_weight():
    query, gallery, *kinds = lists()
    q, g = numbers(query, 1), numbers(gallery, 2)
    rows = [[index for index, item in enumerate(query) if item in kind] for kind in kinds]
    result = as_protocol(WholeGallery("orbench, two", grouping="combination"), query, gallery, q, g)
    assert [each.trial.name for each in result.trials] == ["text+cp", "cp+text"]
    expected = [by_hand([query[i] for i in each], gallery, q[each], g)[0] for each in rows]
    for trial, numbers_by_hand in zip(result.trials, expected, strict=True):
        found = trial.retrieval
        assert [found.rank(1), found.rank(5), found.mAP, found.mINP] == pytest.approx(numbers_by_hand, abs=1e-6)
    assert result.mAP == pytest.approx(np.mean([each[2] for each in expected]), abs=1e-6)
    assert "one trial for every combination" in result.protocol.name


def test_kinds_remove_nothing():
    query, gallery, *_ = lists()
    trials = list(WholeGallery("orbench", grouping="combination").trials(query, gallery))
    assert sorted(index for trial in trials for index in trial.query) == list(range(len(query)))
    for trial in trials:
        assert (trial.query_key < 0).all()
        assert (trial.gallery_key < 0).all()
        assert trial.gallery.tolist() == list(range(len(gallery)))
