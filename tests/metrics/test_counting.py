import multiprocessing

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin.errors import ProtocolError
from aio_plugin.metrics import counting, evaluate_features
from aio_plugin.metrics.counting import GalleryPositions, count_before
from aio_plugin.metrics.ranking import FEW, LAST, Ranking
from aio_plugin.metrics.threads import in_shares

from . import slow

INFINITE = np.array([np.inf, -np.inf, -0.0, 0.0])


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def some(rng, rows, size, most):
    """GalleryPositions in ascending order, from none to ``most`` a row."""
    meant = np.arange(most) < rng.integers(0, most + 1, (rows, 1))
    return GalleryPositions(np.sort(np.array([rng.permutation(size)[:most] for _ in range(rows)]), axis=1), meant)


def expected(row, at, meant, gone):
    removed = np.isin(np.arange(len(row)), gone)
    order = slow.ranking(row.tolist(), removed)
    return [
        order.index(place) if is_meant and not removed[place] else -1 for place, is_meant in zip(at, meant, strict=True)
    ]


def check(distances, matches, removed):
    before = distances.copy()
    found = count_before(distances, matches, removed)
    np.testing.assert_array_equal(distances, before)
    for b, row in enumerate(distances):
        gone = removed.at[b][removed.meant[b]]
        assert found[b].tolist() == expected(row, matches.at[b], matches.meant[b], gone)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 7),
    st.integers(1, 40),
    st.sampled_from([2, 9, 10**6]),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([1024, 4096]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_equals_the_slow_form(seed, rows, size, levels, dtype, per_pass, infinite):
    rng = np.random.default_rng(seed)
    distances = (rng.integers(-levels, levels, (rows, size)) / 8).astype(dtype)
    if infinite:
        distances.flat[:: rng.integers(1, 5)] = rng.choice(INFINITE)
    matches, removed = (some(rng, rows, size, rng.integers(0, min(size, 6) + 1)) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "_PASS", per_pass)
        patch.setattr(counting, "_MATCHES", 3)
        check(distances, matches, removed)


@pytest.mark.parametrize("levels", [3, 10**6])
def test_long_rankings_in_several_passes(threads, levels, monkeypatch):
    rng = np.random.default_rng(0)
    for size, per_pass in ((2500, 1024), (2048, 1024), (1500, 4096), (50_001, counting._PASS)):
        monkeypatch.setattr(counting, "_PASS", per_pass)
        distances = rng.integers(0, levels, (5, size)).astype(np.float32)
        check(distances, some(rng, 5, size, 70), some(rng, 5, size, 30))


@pytest.mark.parametrize("first", [5, 1023, 1024, 2047])
@pytest.mark.parametrize("second", [1024, 2047, 2048, 2999])
def test_two_tied_before_and_on_the_border_of_passes(first, second, monkeypatch):
    monkeypatch.setattr(counting, "_PASS", 1024)
    distances = np.ones((1, 3000), dtype=np.float32)
    distances[0, [first, second]] = 0.5
    nobody = GalleryPositions(np.zeros((1, 0), dtype=np.int64), np.zeros((1, 0), dtype=bool))
    for place in (first, second):
        only = GalleryPositions(np.array([[place]]), np.ones((1, 1), dtype=bool))
        assert count_before(distances, only, nobody).tolist() == [[int(place > min(first, second))]]


def test_all_distances_of_a_long_ranking_equal():
    """As many as a byte can count and more."""
    distances = np.zeros((1, 300_000), dtype=np.float32)
    at = np.array([[0, 255, 256, 65_536, 299_999]])
    every, nobody = np.ones(at.shape, dtype=bool), GalleryPositions(at, np.zeros(at.shape, dtype=bool))
    assert count_before(distances, GalleryPositions(at, every), nobody).tolist() == at.tolist()
    distances[:, 299_999] = 1
    assert count_before(distances, GalleryPositions(at[:, 4:], every[:, 4:]), nobody).tolist() == [[299_999]]


def test_a_distance_that_is_no_number_is_an_error_wherever_it_is(threads):
    places = GalleryPositions(np.zeros((6, 1), dtype=np.int64), np.zeros((6, 1), dtype=bool))
    for row in range(6):
        distances = np.zeros((6, 40), dtype=np.float32)
        distances[row, 39] = np.nan
        with pytest.raises(ProtocolError, match="not a number"):
            count_before(distances, places, places)


@pytest.mark.parametrize("people", [1, 6])
def test_many_matches_are_ordered_instead_and_stand_where_counting_finds_them(people, monkeypatch):
    rng = np.random.default_rng(0)
    labels = [rng.integers(0, people, n) for n in (9, 400)] + [rng.integers(-1, 3, n) for n in (9, 400)]
    distances = torch.from_numpy(rng.integers(0, 50, (9, 400)).astype(np.float32))
    found = []
    for few in (0, FEW, 10**6):
        monkeypatch.setattr("aio_plugin.metrics.ranking.FEW", few)
        found.append(Ranking(*labels).rank(distances, 0, topk=7))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))
    ranks, best, left, *_ = found[0]
    assert (ranks.diff(dim=1) > 0).logical_or(ranks[:, 1:] == LAST).all()
    assert torch.equal(best, ranks[:, 0])
    assert left.tolist() == [(labels[3] != key).sum() if key >= 0 else 400 for key in labels[2]]


def test_memory_is_bounded_whatever_one_query_looks_for():
    """One person with most of the gallery among many with little must not make everybody's working space large."""
    size = 30_000
    distances = np.random.default_rng(0).random((200, size), dtype=np.float32)
    meant = np.zeros((200, size), dtype=bool)
    meant[7], meant[:, 0] = True, True
    at = np.broadcast_to(np.arange(size), meant.shape)
    nobody = GalleryPositions(at[:, :0], meant[:, :0])
    assert counting._MATCHES * counting._PASS < 8 * 2**20
    found = count_before(distances[5:9], GalleryPositions(at[5:9], meant[5:9]), nobody)
    assert sorted(found[2].tolist()) == list(range(size))


def test_shares_make_up_the_whole(threads):
    for count in (0, 1, 2, 7):
        seen = np.zeros(count, dtype=int)

        def add(rows, seen=seen):
            seen[rows] += 1

        in_shares(count, add)
        assert seen.tolist() == [1] * count
    assert torch.get_num_threads() == threads


def test_threads_compute_alone_and_leave_torchs_setting(threads):
    seen = []
    in_shares(threads, lambda rows: seen.append(torch.get_num_threads()))
    assert seen == [1] * threads
    assert torch.get_num_threads() == threads


def _small(_=None):
    generator = torch.Generator().manual_seed(0)
    q, g = (torch.randn(n, 8, generator=generator) for n in (20, 60))
    return evaluate_features(q, g, np.arange(20) % 5, np.arange(60) % 5, removal="none").mAP


def test_works_in_a_forked_process():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        expected = _small()
        with multiprocessing.get_context("fork").Pool(1) as pool:
            assert pool.map_async(_small, [0]).get(timeout=60) == [expected]
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_works_in_every_mode_of_autograd(threads, mode):
    expected = _small()
    with mode():
        assert _small() == expected
    q, g = torch.randn(3, 8, requires_grad=True), torch.randn(6, 8, requires_grad=True)
    assert evaluate_features(q, g, [0, 1, 2], [0, 1, 2] * 2, removal="none").num_valid == 3
