"""Our ranking in torchreid's engines, and beside torchreid's re-ranking and CUHK03's sampled metric."""

import inspect
import sys

import numpy as np
import pytest
import torch

import aio_plugin
from aio_plugin.errors import ProtocolError
from aio_plugin.evaluation.score import score
from aio_plugin.host.testing import reranking
from aio_plugin.modality import Item, Media
from aio_plugin.protocols.cuhk03 import CUHK03Classic
from aio_plugin.protocols.whole_gallery import WholeGallery

from ..helpers import build_model, data_manager


def labels(queries, gallery, people, cameras=3):
    rng = np.random.default_rng(0)
    return tuple(rng.integers(0, top, n) for top in (people, cameras) for n in (queries, gallery))


def problem():
    matrix = np.random.default_rng(1).random((60, 200), dtype=np.float32)
    return matrix, labels(60, 200, 20)


def test_the_option_is_off_by_default_and_undone(torchreid):
    evaluate_rank = torchreid.metrics.evaluate_rank  # as a script has it that imports the name
    stock, parameters = evaluate_rank.__code__, inspect.signature(evaluate_rank).parameters.keys()
    aio_plugin.register()
    assert evaluate_rank.__code__ is stock
    aio_plugin.register(exact_ranking=True)
    ours = evaluate_rank.__kwdefaults__
    assert evaluate_rank.__code__ is not stock
    assert inspect.signature(evaluate_rank).parameters.keys() == parameters
    aio_plugin.register()
    aio_plugin.register(exact_ranking=True)
    assert evaluate_rank.__kwdefaults__ is ours, "later calls leave it as it is"
    aio_plugin.unregister()
    assert evaluate_rank.__code__ is stock
    aio_plugin.register()
    assert evaluate_rank.__code__ is stock


@pytest.mark.parametrize("max_rank", [1, 50, 150])
def test_equals_torchreids_evaluator(torchreid, max_rank):
    matrix, sides = problem()
    expected = torchreid.metrics.evaluate_rank(matrix, *sides, max_rank, use_cython=False)
    aio_plugin.register(exact_ranking=True)
    cmc, mean = torchreid.metrics.evaluate_rank(matrix, *sides, max_rank)
    assert cmc.dtype == expected[0].dtype
    np.testing.assert_allclose(cmc, expected[0], atol=1e-6, strict=True)
    assert mean == pytest.approx(expected[1], abs=8e-9)
    assert len(torchreid.metrics.evaluate_rank(matrix, *sides, 500)[0]) == matrix.shape[1]
    with pytest.raises(ProtocolError, match="identities were read alike"):
        torchreid.metrics.evaluate_rank(matrix, sides[0] + 1000, *sides[1:])


def test_takes_labels_of_any_type_and_says_what_is_wrong(torchreid):
    matrix, sides = problem()
    aio_plugin.register(exact_ranking=True)
    wanted = torchreid.metrics.evaluate_rank(matrix, *sides)
    cmc, mean = torchreid.metrics.evaluate_rank(matrix, *([f"label {label}" for label in side] for side in sides))
    assert (cmc.tolist(), mean) == (wanted[0].tolist(), wanted[1])
    for arguments, message in (
        ((matrix, sides[0] / 2, *sides[1:]), "got float"),
        ((matrix[0], *sides), r"must be a \(Q, G\) matrix"),
        ((matrix, sides[0], [], *sides[2:]), "identities, but"),
    ):
        with pytest.raises(ProtocolError, match=message):
            torchreid.metrics.evaluate_rank(*arguments)


def test_the_sampled_metric_stays_torchreids(torchreid):
    matrix, sides = problem()
    found = []
    for exact in (False, True):
        aio_plugin.register(exact_ranking=exact)
        np.random.seed(0)
        found.append(torchreid.metrics.evaluate_rank(matrix, *sides, 10, use_metric_cuhk03=True, use_cython=False))
    assert found[0][0].tolist() == found[1][0].tolist()
    assert found[0][1] == found[1][1]


def test_a_stock_engine_finds_the_same(torchreid, market, tmp_path, capsys):
    data = data_manager(torchreid, market)
    model = build_model(torchreid, "osnet_x0_25", data.num_train_pids)
    engine = torchreid.engine.ImageSoftmaxEngine(data, model, torchreid.optim.build_optimizer(model), use_gpu=False)
    printed = []
    for exact in (False, True):
        aio_plugin.register(exact_ranking=exact)
        capsys.readouterr()
        for rerank in (False, True):
            engine.run(save_dir=str(tmp_path), test_only=True, rerank=rerank)
        printed.append([line for line in capsys.readouterr().out.splitlines() if line.startswith(("mAP", "Rank-"))])
    assert printed[0] == printed[1]
    assert len(printed[0]) == 10


def items(pids, camids, side):
    return [Item(Media(f"{side}{i}.jpg"), int(p), int(c)) for i, (p, c) in enumerate(zip(pids, camids, strict=True))]


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_reranked_results_equal_torchreids(torchreid, metric):
    q_pids, g_pids, q_camids, g_camids = sides = labels(30, 90, 10)
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(10, 16, generator=generator)
    query, gallery = (
        torch.nn.functional.normalize(centres[pids] + 1.5 * torch.randn(len(pids), 16, generator=generator))
        for pids in (q_pids, g_pids)
    )
    distances = [
        torchreid.metrics.compute_distance_matrix(a, b, metric).numpy()
        for a, b in ((query, gallery), (query, query), (gallery, gallery))
    ]
    plain = torchreid.metrics.evaluate_rank(distances[0], *sides, use_cython=False)
    cmc, mean = torchreid.metrics.evaluate_rank(torchreid.utils.re_ranking(*distances), *sides, use_cython=False)
    rerank = reranking(sys.modules[torchreid.engine.Engine.__module__], metric)
    protocol = WholeGallery("toy", "same_camera")
    of_query, of_gallery = items(q_pids, q_camids, "q"), items(g_pids, g_camids, "g")
    found = score(query, gallery, of_query, of_gallery, protocol, metric=metric, ranks=(1, 50), rerank=rerank)
    np.testing.assert_allclose(found.trials[0].retrieval.cmc[:50], cmc, atol=1e-6)
    assert found.mAP == pytest.approx(mean, abs=1e-6)
    assert abs(mean - plain[1]) > 0.01, "re-ranking changes something"


def test_cuhk03_sampled_as_torchreid_samples(torchreid):
    """Where nothing is left to chance, equal; otherwise CMC is equal in the mean over draws."""
    people = 25
    rng = np.random.default_rng(0)
    for copies, tolerance in ((1, 1e-6), (3, 0.03)):
        pids = np.repeat(np.arange(people), copies)
        q_pids, g_pids = pids, np.concatenate([pids, pids])
        q_camids, g_camids = np.zeros_like(pids), np.repeat([0, 1], len(pids))
        centres = rng.standard_normal((people, 8))
        query, gallery = (
            torch.from_numpy(centres[each] + rng.standard_normal((len(each), 8))).float() for each in (q_pids, g_pids)
        )
        if copies == 1:  # the one image of the query's camera would be drawn for other people
            gallery[: len(pids)] = gallery[len(pids) :]
        matrix = torchreid.metrics.compute_distance_matrix(*map(torch.nn.functional.normalize, (query, gallery)))
        expected = []
        for seed in range(4):
            np.random.seed(seed)
            sides = q_pids, g_pids, q_camids, g_camids
            expected.append(
                torchreid.metrics.evaluate_rank(matrix.numpy(), *sides, 20, use_metric_cuhk03=True, use_cython=False)
            )
        found = score(query, gallery, items(q_pids, q_camids, "q"), items(g_pids, g_camids, "g"), CUHK03Classic("toy"))
        weights = [trial.retrieval.num_valid for trial in found.trials]
        cmc = np.average([trial.retrieval.cmc[:20].numpy() for trial in found.trials], axis=0, weights=weights)
        np.testing.assert_allclose(cmc, np.mean([each[0] for each in expected], axis=0), atol=tolerance)
