import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin.errors import ProtocolError
from aio_plugin.metrics.distance import feature_rows, matrix_rows
from aio_plugin.metrics.ranking import Ranking, removal_keys
from aio_plugin.metrics.retrieval import evaluate_distances, evaluate_features, evaluate_rows

from . import slow

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def check(found, expected):
    curve, ap, inp, valid, chance = expected
    np.testing.assert_allclose(found.cmc.numpy(), curve, atol=1e-12)
    assert (found.mAP, found.mINP, found.chance) == pytest.approx((ap, inp, chance), abs=1e-12)
    assert found.num_valid == valid


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    queries, gallery, people = draw(st.integers(1, 9)), draw(st.integers(1, 25)), draw(st.integers(1, 6))
    levels = draw(st.sampled_from([1, 2, 5, 1000]))  # few levels: many ties
    distances = rng.integers(-levels, levels, (queries, gallery)) / 4
    pids = rng.integers(-1, people, queries), rng.integers(-1, people, gallery)
    keys = rng.integers(-1, 4, queries), rng.integers(-1, 4, gallery)
    return distances, *pids, *keys


@given(
    problems(),
    st.sampled_from(["image", "identity"]),
    st.sampled_from(["step", "trapezoid"]),
    st.integers(1, 30),
    st.integers(1, 4),
    st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=300, deadline=None)
@pytest.mark.parametrize("device", DEVICES)
def test_equals_the_slow_form(device, problem, cmc, ap, max_rank, chunk, dtype):
    distances, *labels = problem
    expected = slow.evaluate(distances.tolist(), *(each.tolist() for each in labels), cmc, ap, max_rank)
    rows = matrix_rows(torch.from_numpy(distances).to(device, dtype), chunk)
    ranking = Ranking(*labels)
    if expected is None:
        with pytest.raises(ProtocolError, match=rf"None of the {len(distances)} queries"):
            evaluate_rows(rows, ranking, cmc=cmc, ap=ap, max_rank=max_rank)
    else:
        found = evaluate_rows(rows, ranking, cmc=cmc, ap=ap, max_rank=max_rank)
        check(found, expected)
        assert found.num_query == len(distances)


@given(problems(), st.integers(0, 30), st.booleans(), st.sampled_from([torch.float32, torch.float64]), st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_top_k_equals_the_slow_form(problem, k, identities, dtype, infinite):
    distances, q_pids, g_pids, q_keys, g_keys = problem
    if infinite:
        distances = np.where(distances > 0, np.inf, distances)
    ranking, block = Ranking(q_pids, g_pids, q_keys, g_keys), torch.from_numpy(distances).to(dtype)
    *_, top, top_distances = ranking.rank(block, 0, identities, k)
    for i, (row, values) in enumerate(zip(top, top_distances, strict=True)):
        order = slow.ranking(distances[i], [q_keys[i] == key and key >= 0 for key in g_keys])
        assert row.tolist() == (order + [-1] * len(g_pids))[: min(k, len(g_pids))]
        assert values[row >= 0].tolist() == distances[i][order[:k]].tolist()
    assert torch.equal(block, torch.from_numpy(distances).to(dtype)), "a caller's matrix is left as it is"


def test_what_every_query_found_equals_the_slow_form():
    q, g, q_pids, g_pids, q_cams, g_cams = features()
    q_pids[3] = 99
    result = evaluate_features(q, g, q_pids, g_pids, q_cams, g_cams, metric="euclidean", normalise=False, chunk=5)
    distances = ((q[:, None].double() - g[None].double()) ** 2).sum(2)
    for i, pid in enumerate(q_pids):
        removed = ((g_pids == pid) & (g_cams == q_cams[i])).tolist()
        bits = [int(g_pids[j] == pid) for j in slow.ranking(distances[i].tolist(), removed)]
        assert (result.num_matches[i], result.num_left[i]) == (sum(bits), len(bits))
        if any(bits):
            assert result.ap[i] == pytest.approx(slow.average_precision(bits, "step"), abs=1e-12)
            assert result.inp[i] == pytest.approx(slow.inverse_negative_penalty(bits), abs=1e-12)
            assert result.first_rank[i] == bits.index(1) + 1
        else:
            assert result.ap[i].isnan()
            assert result.inp[i].isnan()
            assert result.first_rank[i] == 0
    assert result.valid.tolist() == [i != 3 for i in range(len(q_pids))]


@pytest.mark.parametrize(
    ("bits", "step", "trapezoid", "inp"),
    [
        ("101001", 0.7222, 0.6778, 3 / 6),
        ("0101", 0.5, 0.3333, 2 / 4),
        ("1", 1, 1, 1),
        ("01", 0.5, 0.25, 1 / 2),
        ("1100", 1, 1, 1),
    ],
)
def test_known_values(bits, step, trapezoid, inp):
    pids = [7 if bit == "1" else 8 for bit in bits]
    distances = np.arange(len(bits), dtype=np.float32)[None]
    found = evaluate_distances(distances, [7], pids, removal="none")
    assert (found.mAP, found.mINP) == pytest.approx((step, inp), abs=5e-5)
    assert evaluate_distances(distances, [7], pids, removal="none", ap="trapezoid").mAP == pytest.approx(
        trapezoid, abs=5e-5
    )
    assert found.rank(1) == float(bits[0])
    assert found.chance == pytest.approx(bits.count("1") / len(bits))


LABEL = st.integers(-(2**62), 2**62) | st.integers(-2, 2)
SIDE = st.lists(st.tuples(LABEL, LABEL), min_size=1, max_size=8)


@given(SIDE, SIDE)
def test_same_camera_means_equal_person_and_camera(query, gallery):
    (q_pids, q_camids), (g_pids, g_camids) = zip(*query, strict=True), zip(*gallery, strict=True)
    q_keys, g_keys = removal_keys("same_camera", q_pids, g_pids, q_camids, g_camids)
    assert min(q_keys) >= 0
    for one, key in zip(query, q_keys, strict=True):
        for other, g_key in zip(gallery, g_keys, strict=True):
            assert (key == g_key) == (one == other)


def test_rules_reach_features_and_distances():
    distances = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
    query, gallery = torch.tensor([[1.0]]), 1 + distances.T
    pids = [1], [1, 2, 1, 1]
    cameras = [0], [0, 1, 1, 0]
    for arguments, options, expected in (
        (cameras, {}, (0, 0.5, 0.5)),
        ((torch.tensor([0]), torch.tensor([0, 1, 1, 0])), {"removal": "same_camera"}, (0, 0.5, 0.5)),
        (cameras, {"removal": "none"}, (1, (1 + 2 / 3 + 3 / 4) / 3, 3 / 4)),
        ((), {"removal": "none"}, (1, (1 + 2 / 3 + 3 / 4) / 3, 3 / 4)),
        ((), {"removal": ([5], [6, 5, -1, 5])}, (1, 1, 1)),
        ((), {"removal": ([-1], [-1, -1, -1, -1])}, (1, (1 + 2 / 3 + 3 / 4) / 3, 3 / 4)),
    ):
        by_features = evaluate_features(
            query, gallery, *pids, *arguments, metric="euclidean", normalise=False, **options
        )
        for found in (evaluate_distances(distances, *pids, *arguments, **options), by_features):
            assert (found.rank(1), found.mAP, found.chance) == pytest.approx(expected)
            assert (found.num_valid, found.num_query) == (1, 1)


def features(seed=0, queries=37, gallery=120, people=15, cameras=4):
    rng = np.random.default_rng(seed)
    q, g = (torch.from_numpy(rng.standard_normal((n, 24))).float() for n in (queries, gallery))
    q_pids, g_pids = rng.integers(0, people, queries), rng.integers(0, people, gallery)
    q_cams, g_cams = rng.integers(0, cameras, queries), rng.integers(0, cameras, gallery)
    return q, g, q_pids, g_pids, q_cams, g_cams


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("normalise", [True, False])
def test_agrees_with_torchreid(metric, normalise):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torchreid = pytest.importorskip("torchreid")
    q, g, q_pids, g_pids, q_cams, g_cams = features()
    a, b = (torch.nn.functional.normalize(x) for x in (q, g)) if normalise else (q, g)
    matrix = torchreid.metrics.compute_distance_matrix(a, b, metric).numpy()
    cmc, mean_ap = torchreid.metrics.evaluate_rank(matrix, q_pids, g_pids, q_cams, g_cams, use_cython=False)
    found = evaluate_features(q, g, q_pids, g_pids, q_cams, g_cams, metric=metric, normalise=normalise, chunk=10)
    np.testing.assert_allclose(found.cmc.numpy(), cmc, atol=1e-6)
    assert found.mAP == pytest.approx(mean_ap, abs=1e-6)
    by_matrix = evaluate_distances(matrix, q_pids, g_pids, q_cams, g_cams)
    assert by_matrix.mAP == pytest.approx(mean_ap, abs=8e-9)
    assert np.float32(by_matrix.rank(1)) == cmc[0]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_distances_are_what_they_say(device, metric):
    q, g, *_ = features()
    found = torch.cat(list(feature_rows(q, g.to(device), metric, False, 10))).cpu().double()
    q, g = q.double(), g.double()
    if metric == "cosine":
        expected = 1 - torch.cosine_similarity(q[:, None], g[None], dim=2)
    else:
        expected = ((q[:, None] - g[None]) ** 2).sum(2)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("chunk", [1, 5, 36, 37, 1000])
def test_chunks_do_not_matter_not_even_with_ties(chunk):
    q, g, q_pids, g_pids, q_cams, g_cams = features()
    q, g = q.round(), g.round()  # whole numbers: exact in float32, and tied
    whole = evaluate_features(q, g, q_pids, g_pids, q_cams, g_cams, metric="euclidean", normalise=False, chunk=37)
    found = evaluate_features(q, g, q_pids, g_pids, q_cams, g_cams, metric="euclidean", normalise=False, chunk=chunk)
    assert found.cmc.tolist() == whole.cmc.tolist()
    assert (found.mAP, found.mINP) == pytest.approx((whole.mAP, whole.mINP), abs=1e-12)


def test_chance_is_what_random_rankings_find():
    q, g, q_pids, g_pids, q_cams, g_cams = features(people=4)
    rng = np.random.default_rng(1)
    for cmc in ("image", "identity"):
        draws = [
            evaluate_distances(rng.random((37, 120)), q_pids, g_pids, removal=(q_cams, g_cams), cmc=cmc)
            for _ in range(60)
        ]
        assert np.mean([m.rank(1) for m in draws]) == pytest.approx(draws[0].chance, abs=0.03)


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=20))
def test_the_order_is_that_of_a_stable_sort_of_floats(values):
    row = torch.tensor([[*values, 0.0, -0.0, float("inf"), -float("inf")]])
    size = row.shape[1]
    for distances in (row, row.double()):
        block = Ranking([1], [1] * size).rank(distances, 0, topk=size)
        assert block.top.tolist() == row.argsort(dim=1, stable=True).tolist()
        assert block.ranks.tolist() == [list(range(1, size + 1))]


NAN = np.array([[np.nan, 1.0]], dtype=np.float32)
SAME_CAMERA = {"removal": "same_camera"}


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.zeros((1, 2)), [3], [1, 2]), {}, "None of the 1 queries .* identity 3"),
        ((NAN, [1], [1, 2]), {}, "not a number"),
        ((np.zeros((2, 2)), [1], [1, 2]), {}, "do not fit"),
        ((np.zeros((1, 3)), [1], [1, 2]), {}, "do not fit"),
        ((np.zeros((1, 2)), [1, 1], [1, 2]), {}, "but distances of 1"),
        ((np.zeros(2), [1], [1, 2]), {}, "must be a .Q, G. matrix"),
        ((np.zeros((1, 2)), [1], [1, 2]), {"removal": ([0], None)}, "of both"),
        ((np.zeros((1, 2)), [1], [1, 2]), {"removal": ([0], [0])}, "one removal key"),
        ((np.zeros((1, 2)), [1], [1, 2]), SAME_CAMERA, "needs q_camids and g_camids"),
        ((np.zeros((1, 2)), [1], [1, 2], [0]), SAME_CAMERA, "needs q_camids and g_camids"),
        ((np.zeros((1, 2)), [1], [1, 2], [0], [0]), SAME_CAMERA, "2 identities, but 1 cameras"),
        ((np.zeros((1, 2)), [1], [1, 2], [0, 1], [0, 1]), SAME_CAMERA, "1 identities, but 2 cameras"),
        ((np.zeros((1, 2)), [1], [1, 2], [0], [0, 1]), {"removal": "camera"}, "removal is 'camera'; use"),
        ((np.zeros((1, 2)), [1], [1, 2], [0], [0, 1]), {"removal": ([0],)}, "removal is .*; use"),
        ((np.zeros((0, 2)), [], [1, 2]), {}, "Nothing to rank"),
        ((np.zeros((1, 2)), [1], [1, 2]), {"cmc": "person"}, "'image' or 'identity'"),
        ((np.zeros((1, 2)), [1], [1, 2]), {"ap": "area"}, "'step' or 'trapezoid'"),
        ((np.zeros((1, 2)), [1], [1, 2]), {"max_rank": 0}, "max_rank"),
    ],
)
def test_bad_input_is_an_error_that_says_so(arguments, options, message):
    with pytest.raises(ProtocolError, match=message):
        evaluate_distances(*arguments, **{"removal": "none", **options})


@pytest.mark.parametrize(
    ("q", "g", "options", "message"),
    [
        (torch.zeros(1, 3), torch.zeros(2, 4), {}, "one D"),
        (torch.zeros(3), torch.zeros(2, 3), {}, "one D"),
        (torch.zeros(1, 3), torch.zeros(2, 3), {"metric": "manhattan"}, "manhattan"),
        (torch.zeros(1, 3), torch.zeros(2, 3), {"chunk": 0}, "chunk"),
    ],
)
def test_bad_features_are_an_error_that_says_so(q, g, options, message):
    with pytest.raises(ProtocolError, match=message):
        evaluate_features(q, g, [1], [1, 1], removal="none", **options)
