import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aio_plugin.errors import ProtocolError
from aio_plugin.metrics import evaluate_distances, evaluate_features
from aio_plugin.metrics.ranking import removal_keys

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


@pytest.mark.parametrize(
    ("cameras", "options", "message"),
    [
        ((), {}, "needs q_camids and g_camids"),
        (([0],), {}, "needs q_camids and g_camids"),
        (([0], [0]), {}, "2 identities, but 1 cameras"),
        (([0, 1], [0, 1]), {}, "1 identities, but 2 cameras"),
        (([0], [0, 1]), {"removal": "camera"}, "removal is 'camera'; use"),
        (([0], [0, 1]), {"removal": ([0],)}, "removal is .*; use"),
        ((), {"removal": ([0], [0])}, "one removal key"),
    ],
)
def test_a_wrong_rule_is_an_error_that_says_so(cameras, options, message):
    with pytest.raises(ProtocolError, match=message):
        evaluate_distances(np.zeros((1, 2)), [1], [1, 2], *cameras, **options)
