import numpy as np
import pytest
import torch
from PIL import Image

from aio_plugin.errors import AIOError, ProtocolError
from aio_plugin.evaluation.pixels import pixel_features
from aio_plugin.evaluation.results import target_entry
from aio_plugin.evaluation.score import score
from aio_plugin.metrics.distance import feature_rows
from aio_plugin.metrics.msd import NAMES, similarity_distribution
from aio_plugin.metrics.open_set import open_set_rates, unknown_identities
from aio_plugin.metrics.ranking import Ranking
from aio_plugin.metrics.retrieval import evaluate_features
from aio_plugin.modality import MODALITIES, Item, Media
from aio_plugin.protocols.llcm import LLCM
from aio_plugin.protocols.pku import PKUSketch
from aio_plugin.protocols.whole_gallery import WholeGallery

from .helpers import query, render, results, scored, target

RGB, IR, SKETCH, TEXT, *_ = MODALITIES


def test_trials_are_scored_by_themselves_and_averaged():
    splits = [{0, 1, 2}, {1, 3, 4, 5}, {0, 5}]
    at = target(protocol=PKUSketch(splits))
    result, q, g = scored(at, ranks=(1, 3))
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
    result, *_ = scored(at)
    assert result.to_json()["mean"]["chance"] == pytest.approx(2 / 17)  # one of three photos is the source
    drawn, *_ = scored(target(protocol=LLCM("ir_to_vis")))
    assert (drawn.protocol.cmc, len(drawn.trials)) == ("identity", 10)


class PerIdentity(WholeGallery):
    cmc = "identity"


def test_identities_are_counted_where_the_protocol_counts_them():
    at = target(protocol=PerIdentity("toy"))
    found, q, g = scored(at, 6.0)
    pids = [item.pid for item in at.query], [item.pid for item in at.gallery]
    images, identities = (evaluate_features(q, g, *pids, removal="none", cmc=cmc) for cmc in ("image", "identity"))
    assert found.trials[0].retrieval.cmc.tolist() == identities.cmc.tolist() != images.cmc.tolist()


def test_reranked_distances_replace_the_metric():
    at = target()
    result, q, g = scored(at)
    seen = []

    def rerank(query_features, gallery_features):
        seen.append((query_features.shape, gallery_features.shape))
        return (query_features @ gallery_features.T).numpy()  # furthest first

    worst, *_ = scored(at, rerank=rerank)
    assert seen == [(q.shape, g.shape)]
    assert worst.mAP < result.mAP
    assert worst.to_json()["metric"] == "cosine, re-ranked"


def test_ranks_beyond_the_usual_curve_and_a_query_that_is_not_in_the_gallery():
    at = target()
    at.query[0] = at.query[0]._replace(pid=77)
    result, *_ = scored(at, ranks=(60,))
    assert (result.to_json()["num_valid"], result.to_json()["num_query"]) == (5, 6)
    assert result.rank(60) == 1
    assert result.to_json()["mean"]["rank-1"] == result.rank(1)  # always listed
    assert result.to_json()["mean"]["rank-60"] == 1


def test_nobody_in_the_gallery_names_trial_and_query():
    at = target()
    strangers = [item._replace(pid=item.pid + 100) for item in at.query]
    with pytest.raises(ProtocolError, match=r"toy, nothing removed, all: .* identity 100.*/data/0_s.jpg"):
        score(torch.ones(6, 4), torch.ones(18, 4), strangers, at.gallery, at.protocol)


def test_wrong_arguments_are_refused():
    at = target()
    with pytest.raises(ProtocolError, match="5 and 18 features do not fit 6 queries"):
        score(torch.ones(5, 4), torch.ones(18, 4), at.query, at.gallery, at.protocol)
    with pytest.raises(ProtocolError, match="count from 1, got 0"):
        scored(at, ranks=(0, 1))


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
    result, q, g = scored(at, metric=metric)
    cosines = torch.nn.functional.normalize(q) @ torch.nn.functional.normalize(g).T
    pids = torch.tensor([item.pid for item in at.query])[:, None] == torch.tensor([item.pid for item in at.gallery])
    for form, name in NAMES.items():
        expected = float(similarity_distribution(cosines, pids, form).mean())
        assert result.to_json()["mean"][name] == result.measures()[name] == pytest.approx(expected, abs=1e-6)
        assert result.to_json()["trials"][0][name] == result.measures()[name]
    results(target_entry("ufine3c", "text -> rgb", {"after": result}))
    assert not scored(at, rerank=lambda q, g: -(q @ g.T).numpy())[0].measures(), "not of other distances"
    assert not scored(target())[0].measures()


@pytest.mark.parametrize("protocol", [WholeGallery("toy", "source"), PKUSketch([{0, 1, 2, 3}, {1, 3, 4, 5}])])
def test_open_set_rates_stand_beside_the_other_numbers(protocol):
    at = target(protocol=protocol)
    result, q, g = scored(at, 2.0, open_set=(0.5, 0.01))
    plain, *_ = scored(at, 2.0)
    expected = []
    for each in result.trials:
        pids = [at.query[i].pid for i in each.trial.query], [at.gallery[i].pid for i in each.trial.gallery]
        unknown = unknown_identities(pids[0])
        rows = feature_rows(q[each.trial.query], g[each.trial.gallery])
        ranking = Ranking(*pids, each.trial.query_key, each.trial.gallery_key)
        expected.append(open_set_rates(rows, ranking, [pid in unknown for pid in pids[0]], [0.5]))
    found = result.to_json()
    assert set(expected[0]) == set(found["mean"]) - set(plain.to_json()["mean"])
    for name in expected[0]:
        assert [trial[name] for trial in found["trials"]] == [each[name] for each in expected]
        assert found["mean"][name] == result.measures()[name] == np.mean([each[name] for each in expected])
    results(target_entry("toy", "sketch -> rgb", {"after": result}))
    assert not scored(at, open_set=(0.5,), rerank=lambda q, g: -(q @ g.T).numpy())[0].measures(), "not re-ranked"


FILTERED = WholeGallery("toy", "source", variants=(WholeGallery("toy, original gallery"),))


def test_a_variant_is_what_it_is_alone():
    both, other, filtered = (
        scored(target(protocol=protocol), 3.0)[0]
        for protocol in (FILTERED, WholeGallery("toy, original gallery"), WholeGallery("toy", "source"))
    )
    (variant,) = both.variants
    assert variant.to_json() == other.to_json()
    assert both.to_json()["trials"] == filtered.to_json()["trials"]
    assert variant.mAP != both.mAP
    assert other.variants == ()


def test_variants_land_in_the_document_and_fit_the_schema():
    entry = target_entry("toy@text", "text -> rgb", {"after": scored(target(protocol=FILTERED), 3.0)[0]})
    (variant,) = entry["results"]["after"]["variants"]
    assert variant["protocol"] == "toy, original gallery, nothing removed"
    assert results(entry)["targets"] == [entry]
    variant["mean"]["mAP"] = 1.5
    with pytest.raises(AIOError, match=r"after.variants\[0\].mean.mAP"):
        results(entry)
    del variant["mean"]
    with pytest.raises(AIOError, match=r"variants\[0\]: 'mean' is a required"):
        results(entry)
