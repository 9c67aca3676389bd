import numpy as np
import pytest
import torch
from PIL import Image

from aio_plugin.errors import ProtocolError
from aio_plugin.evaluation.pixels import pixel_features
from aio_plugin.evaluation.results import document, target_entry
from aio_plugin.evaluation.score import score
from aio_plugin.metrics.msd import NAMES, similarity_distribution
from aio_plugin.metrics.retrieval import evaluate_features
from aio_plugin.modality import MODALITIES, Item, Media
from aio_plugin.protocols.llcm import LLCM
from aio_plugin.protocols.pku import PKUSketch
from aio_plugin.protocols.whole_gallery import WholeGallery

from .helpers import features, query, render, target

RGB, IR, SKETCH, TEXT, *_ = MODALITIES


def run(at, **options):
    q, g = features(at.query, seed=1), features(at.gallery, seed=2)
    return score(q, g, at.query, at.gallery, at.protocol, **options), q, g


def test_trials_are_scored_by_themselves_and_averaged():
    splits = [{0, 1, 2}, {1, 3, 4, 5}, {0, 5}]
    at = target(protocol=PKUSketch(splits))
    result, q, g = run(at, ranks=(1, 3))
    expected = []
    for split in splits:
        rows, columns = ([i for i, item in enumerate(items) if item.pid in split] for items in (at.query, at.gallery))
        pids = [at.query[i].pid for i in rows], [at.gallery[i].pid for i in columns]
        expected.append(evaluate_features(q[rows], g[columns], *pids, removal="none"))
    assert [t.retrieval.mAP for t in result.trials] == pytest.approx([m.mAP for m in expected])
    assert [len(t.trial.gallery) for t in result.trials] == [9, 12, 6]
    assert result.mAP == pytest.approx(np.mean([m.mAP for m in expected]))
    assert result.rank(3) == pytest.approx(np.mean([m.rank(3) for m in expected]))
    found = result.to_json()
    assert set(found["mean"]) == {"rank-1", "rank-3", "mAP", "mINP", "chance"}
    assert found["std"]["mAP"] == pytest.approx(np.std([m.mAP for m in expected]))
    assert found["mean"]["chance"] == pytest.approx(np.mean([1 / 3, 1 / 4, 1 / 2]))
    assert (found["num_trials"], found["num_query"], found["num_valid"]) == (3, 9, 9)
    assert [each["trial"] for each in found["trials"]] == ["split 1", "split 2", "split 3"]


def test_removal_and_identity_cmc_reach_the_metrics():
    at = target(protocol=WholeGallery("toy", "source"))
    result, *_ = run(at)
    assert result.to_json()["mean"]["chance"] == pytest.approx(2 / 17)  # one of three photos is the source
    drawn, *_ = run(target(protocol=LLCM("ir_to_vis")))
    assert (drawn.protocol.cmc, len(drawn.trials)) == ("identity", 10)


class PerIdentity(WholeGallery):
    cmc = "identity"


def test_identities_are_counted_where_the_protocol_counts_them():
    at = target(protocol=PerIdentity("toy"))
    q, g = (features(items, 6.0, seed) for items, seed in ((at.query, 1), (at.gallery, 2)))
    pids = [item.pid for item in at.query], [item.pid for item in at.gallery]
    images, identities = (evaluate_features(q, g, *pids, removal="none", cmc=cmc) for cmc in ("image", "identity"))
    found = score(q, g, at.query, at.gallery, at.protocol)
    assert found.trials[0].retrieval.cmc.tolist() == identities.cmc.tolist() != images.cmc.tolist()


def test_reranked_distances_replace_the_metric():
    at = target()
    result, q, g = run(at)
    seen = []

    def rerank(query_features, gallery_features):
        seen.append((query_features.shape, gallery_features.shape))
        return (query_features @ gallery_features.T).numpy()  # furthest first

    worst, *_ = run(at, rerank=rerank)
    assert seen == [(q.shape, g.shape)]
    assert worst.mAP < result.mAP
    assert worst.to_json()["metric"] == "cosine, re-ranked"


def test_ranks_beyond_the_usual_curve():
    result, *_ = run(target(), ranks=(60,))
    assert result.rank(60) == 1
    assert result.to_json()["mean"]["rank-1"] == result.rank(1)  # always listed
    assert result.to_json()["mean"]["rank-60"] == 1


def test_nobody_in_the_gallery_names_trial_and_query():
    at = target()
    strangers = [item._replace(pid=item.pid + 100) for item in at.query]
    with pytest.raises(ProtocolError, match=r"toy, nothing removed, all: .* identity 100.*/data/0_s.jpg"):
        score(torch.ones(6, 4), torch.ones(18, 4), strangers, at.gallery, at.protocol)


def test_some_not_in_the_gallery_are_counted():
    at = target()
    at.query[0] = at.query[0]._replace(pid=77)
    result = score(torch.randn(6, 4), torch.randn(18, 4), at.query, at.gallery, at.protocol)
    assert (result.to_json()["num_valid"], result.to_json()["num_query"]) == (5, 6)


def test_features_must_fit_the_items():
    at = target()
    with pytest.raises(ProtocolError, match="5 and 18 features do not fit 6 queries"):
        score(torch.ones(5, 4), torch.ones(18, 4), at.query, at.gallery, at.protocol)


def test_ranks_count_from_one():
    with pytest.raises(ProtocolError, match="count from 1, got 0"):
        run(target(), ranks=(0, 1))


def test_pixels_find_people_by_colour():
    at = target(RGB)
    q, g = pixel_features(at.query, render), pixel_features(at.gallery, render)
    assert q.shape == (6, 32 * 16 * 3)
    torch.testing.assert_close(q.norm(dim=1), torch.ones(6))
    assert score(q, g, at.query, at.gallery, at.protocol).mAP == 1


def test_pixels_are_those_of_the_shrunk_image():
    noise = np.random.default_rng(0).integers(0, 256, (32, 16, 3), dtype=np.uint8)
    found = pixel_features([Item(Media("x"), 0, 0)], lambda medium: Image.fromarray(noise))
    expected = noise.astype(np.float64).ravel()
    np.testing.assert_allclose(found[0].numpy(), expected / np.linalg.norm(expected), atol=1e-6)


def test_pixels_average_images_and_skip_captions():
    parts = {RGB: Image.new("RGB", (8, 8), "red"), SKETCH: Image.new("L", (8, 8), 255)}
    both = pixel_features([query(1, RGB, SKETCH, TEXT)], lambda medium: parts[medium.modality])
    alone = [pixel_features([query(1, m)], lambda medium: parts[medium.modality]) for m in (RGB, SKETCH)]
    torch.testing.assert_close(both, torch.nn.functional.normalize(alone[0] + alone[1]))
    assert pixel_features([query(1, RGB), query(2, TEXT)], render) is None


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_similarity_distributions_stand_beside_the_other_numbers(metric):
    at = target(protocol=WholeGallery("toy", similarity_distribution=True))
    result, q, g = run(at, metric=metric)
    cosines = torch.nn.functional.normalize(q) @ torch.nn.functional.normalize(g).T
    pids = torch.tensor([item.pid for item in at.query])[:, None] == torch.tensor([item.pid for item in at.gallery])
    for form, name in NAMES.items():
        expected = float(similarity_distribution(cosines, pids, form).mean())
        assert result.to_json()["mean"][name] == result.measures()[name] == pytest.approx(expected, abs=1e-6)
        assert result.to_json()["trials"][0][name] == result.measures()[name]
    facts = {"torchreid": "x", "encoder": {"name": "e", "sha256": "0"}, "sketcher": "s", "seconds": 1, "seed": 1}
    document([target_entry("ufine3c", "text -> rgb", {"after": result})], config={}, **facts)  # fits the schema
    assert not run(at, rerank=lambda q, g: -(q @ g.T).numpy())[0].measures(), "not of other distances"
    assert not run(target())[0].measures()
