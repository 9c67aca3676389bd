"""TPIR and DIR at FPIR against a loop written from their definitions."""

import numpy as np
import pytest
import torch

from aio_plugin.errors import ProtocolError
from aio_plugin.metrics.open_set import open_set_rates, unknown_identities
from aio_plugin.metrics.ranking import Ranking


def slow_rates(distances, q_pids, g_pids, removed, unknown, fpir):
    """As a user meets it: a gallery without the unknown people, a list for every query, a threshold on top."""
    lists = []
    for i in range(len(q_pids)):
        left = [j for j in range(len(g_pids)) if g_pids[j] not in unknown and not removed(i, j)]
        lists.append(sorted(left, key=lambda j: (distances[i][j], j)))
    strangers = [i for i in range(len(q_pids)) if q_pids[i] in unknown]
    known = [i for i in range(len(q_pids)) if i not in strangers and any(g_pids[j] == q_pids[i] for j in lists[i])]
    limits = sorted({float(d) for row in distances for d in row}, reverse=True)
    limits.insert(0, float("inf"))
    for limit in limits:
        if sum(distances[i][lists[i][0]] < limit for i in strangers) <= fpir * len(strangers) + 1e-9:
            break
    found = [any(distances[i][j] < limit and g_pids[j] == q_pids[i] for j in lists[i]) for i in known]
    first = [distances[i][lists[i][0]] < limit and g_pids[lists[i][0]] == q_pids[i] for i in known]
    return np.mean(found), np.mean(first)


@pytest.mark.parametrize("removal", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_rates_are_those_of_a_slow_loop(seed, removal):
    rng = np.random.default_rng(seed)
    q_pids, g_pids = rng.integers(0, 12, 40), np.r_[rng.integers(0, 12, 50), rng.integers(20, 30, 20)]
    q_cams, g_cams = rng.integers(0, 3, 40), rng.integers(0, 3, 70)
    keys = (100 * q_pids + q_cams, 100 * g_pids + g_cams) if removal else (None, None)
    near = q_pids[:, None] == g_pids
    distances = (rng.random((40, 70)) - 0.35 * near).round(2)  # with ties
    unknown = unknown_identities(q_pids.tolist())
    ranking = Ranking(q_pids, g_pids, *keys)
    rows = torch.from_numpy(distances).split(16)
    fpirs = (0.01, 0.1, 0.25, 0.5)
    rates = open_set_rates(rows, ranking, [pid in unknown for pid in q_pids.tolist()], fpirs)
    assert set(rates) == {f"{name} at FPIR {fpir:g}" for name in ("TPIR", "DIR") for fpir in fpirs[1:]}

    def gone(i, j):
        return removal and keys[0][i] == keys[1][j]

    for fpir in fpirs[1:]:
        expected = slow_rates(distances, q_pids, g_pids, gone, unknown, fpir)
        found = [rates[f"{name} at FPIR {fpir:g}"] for name in ("TPIR", "DIR")]
        assert found == pytest.approx(expected)
        assert found[0] >= found[1]


def test_the_split_depends_on_the_people_alone():
    split = unknown_identities([5, 3, 3, 9, 1, 7])
    assert split == unknown_identities({9, 7, 5, 3, 1}) == {5, 7}


def test_missing_rows_are_refused():
    with pytest.raises(ProtocolError, match="2 queries, but distances of 1"):
        open_set_rates([torch.rand(1, 3)], Ranking([1, 2], [1, 2, 3]), [True, False], [0.5])
