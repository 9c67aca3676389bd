import multiprocessing

import numpy as np
import pytest
import torch

from aio_plugin.errors import ProtocolError
from aio_plugin.metrics import evaluate_features
from aio_plugin.metrics.ranking import LAST, Ranking
from aio_plugin.metrics.threads import in_shares

from . import slow


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("levels", [3, 10**6])
@pytest.mark.parametrize("people", [1, 6, 600])
def test_long_rankings_of_many_and_few_matches_equal_the_slow_form(threads, levels, people):
    rng = np.random.default_rng(0)
    q_pids, g_pids = rng.integers(0, people, 5), rng.integers(0, people, 2500)
    q_keys, g_keys = rng.integers(-1, 3, 5), rng.integers(-1, 3, 2500)
    distances = torch.from_numpy(rng.integers(-levels, levels, (5, 2500)).astype(np.float32))
    block = Ranking(q_pids, g_pids, q_keys, g_keys).rank(distances, 0, topk=7)
    for i, row in enumerate(distances.tolist()):
        order = slow.ranking(row, (g_keys == q_keys[i]) & (q_keys[i] >= 0))
        expected = [rank for rank, j in enumerate(order, 1) if g_pids[j] == q_pids[i]]
        assert block.ranks[i].tolist() == expected + [LAST] * (block.ranks.shape[1] - len(expected))
        assert block.first[i] == min(expected, default=LAST)
        assert block.left[i] == len(order)
        assert block.top[i].tolist() == order[:7]


def test_all_distances_of_a_long_ranking_equal():
    g_pids = np.zeros(300_000, dtype=int)
    g_pids[[0, 255, 256, 65_536, 299_999]] = 1
    distances = torch.zeros(1, 300_000)
    assert Ranking([1], g_pids).rank(distances, 0).ranks.tolist() == [[1, 256, 257, 65_537, 300_000]]
    distances[:, 299_998] = 1
    assert Ranking([1], g_pids).rank(distances, 0).ranks.tolist() == [[1, 256, 257, 65_537, 299_999]]


def test_a_distance_that_is_not_a_number_is_an_error_wherever_it_is(threads):
    for row in range(6):
        distances = torch.zeros(6, 40)
        distances[row, 39] = torch.nan
        with pytest.raises(ProtocolError, match="not a number"):
            Ranking(range(6), range(40)).rank(distances, 0)


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
