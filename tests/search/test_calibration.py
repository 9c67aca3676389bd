"""What a cosine means: pairs, the fit, the threshold, its check on people held out, and who uses it."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from aio_plugin import __main__ as command_line
from aio_plugin.errors import CalibrationError
from aio_plugin.models import weights
from aio_plugin.search import calibration as calibrations
from aio_plugin.search.answers import answer_json, answer_page, answer_text
from aio_plugin.search.calibration import Calibration, Calibrations, calibrate, read_calibrations
from aio_plugin.search.filters import Filter
from aio_plugin.search.pairs import FOLDS, Labelled, ListedPairs, pairs_among, read_pairs, scored_pairs
from aio_plugin.search.query import Query, ask
from aio_plugin.training.images import read_image


def people(persons=40, each=4, spread=0.5, seed=0):
    """Pictures of people, by four cameras."""
    rng = np.random.default_rng(seed)
    centres = F.normalize(torch.from_numpy(rng.normal(size=(persons, 16))).float())
    noise = torch.from_numpy(rng.normal(size=(persons * each, 16))).float() / 4
    features = F.normalize(centres.repeat_interleave(each, 0) + spread * noise)
    return Labelled(features, [f"p{n // each}" for n in range(persons * each)], [str(n % 3) for n in range(len(noise))])


@pytest.mark.parametrize("within", [True, False])
def test_pairs_are_those_of_a_slow_loop(within):
    query, gallery = people(seed=0), people(seed=1)
    other = query if within else gallery
    query = query._replace(cameras=["" if n % 5 == 0 else c for n, c in enumerate(query.cameras)])
    other = query if within else gallery
    pairs = pairs_among(query, None if within else gallery)
    expected = []
    for i in range(len(query.pids)):
        for j in range(i + 1 if within else 0, len(other.pids)):
            same = query.pids[i] == other.pids[j]
            if not (same and query.cameras[i] == other.cameras[j] != ""):
                expected.append((round(float(query.features[i] @ other.features[j]), 4), same))
    found = [(round(float(score), 4), bool(same)) for score, same in zip(pairs.scores, pairs.same, strict=True)]
    scores = np.array(expected)[:, 0], np.array(found)[:, 0]
    assert [same for _, same in found] == [same for _, same in expected]
    assert scores[1] == pytest.approx(scores[0], abs=2e-4)
    assert pairs.persons == 40
    assert (pairs.folds[0] == pairs.folds[1])[pairs.same].all()
    assert set(pairs.folds.ravel()) == set(range(FOLDS))


def test_too_many_pictures_lose_people_and_pairs_of_two(monkeypatch):
    everything = people(200)
    whole = pairs_among(everything)
    monkeypatch.setattr("aio_plugin.search.pairs.MOST_ROWS", 400)
    monkeypatch.setattr("aio_plugin.search.pairs.MOST_NEGATIVES", 20_000)
    some = pairs_among(everything)
    assert some.persons == 100
    assert some.same.sum() == whole.same.sum() / 2
    assert 15_000 < (~some.same).sum() < 25_000


def test_the_fit_is_the_least_loss_and_the_threshold_the_least_score():
    pairs = pairs_among(people())
    kinds = pairs.scores[pairs.same], pairs.scores[~pairs.same]

    def loss(slope, intercept):
        total = 0.0
        for scores, sign in ((kinds[0], 1), (kinds[1], -1)):
            right = (len(scores) + 1) / (len(scores) + 2)
            for score in scores.tolist():
                odds = sign * (slope * score + intercept)
                logs = [-math.log1p(math.exp(-abs(o))) + min(o, 0) for o in (odds, -odds)]
                total -= (right * logs[0] + (1 - right) * logs[1]) / len(scores)
        return total

    slope, intercept = calibrations.fit_logistic(*kinds)
    least = loss(slope, intercept)
    for change in ((0.1, 0), (-0.1, 0), (0, 0.05), (0, -0.05), (0.2, -0.1), (-0.2, 0.1)):
        assert loss(slope + change[0], intercept + change[1]) > least
    for far in (0.5, 0.01, 1e-3):
        threshold = calibrations.threshold_at(kinds[1], far)
        accepted = [score for score in kinds[1].tolist() if score >= threshold]
        assert len(accepted) <= far * len(kinds[1]) < len(accepted) + 1
    ties = np.array([0.1, 0.5, 0.5, 0.5], np.float32)
    assert not (ties >= calibrations.threshold_at(ties, 0.5)).any()
    found = calibrate(pairs, 0.01)
    assert (found.slope, found.intercept) == (slope, intercept)
    assert found.probability(np.float32(found.threshold)) == pytest.approx(
        1 / (1 + math.exp(-slope * found.threshold - intercept))
    )


def test_calibration_error_of_a_slow_loop():
    rng = np.random.default_rng(0)
    probabilities, same = rng.random(500), rng.random(500) < 0.3
    error = 0.0
    for k in range(calibrations.BINS):
        low, high = k / calibrations.BINS, (k + 1) / calibrations.BINS
        inside = [n for n in range(500) if low <= probabilities[n] < high]
        error += abs(sum((probabilities[n] - same[n]) * 0.5 / (same == same[n]).sum() for n in inside))
    assert calibrations.calibration_error(probabilities, same) == pytest.approx(error)


def test_people_held_out():
    """The figures are those of people who are not in the fit, one fold after the other."""
    pairs, far = pairs_among(people(60)), 0.01
    found = calibrate(pairs, far).held_out
    rates = []
    for fold in range(FOLDS):
        seen = [n for n in range(len(pairs.same)) if fold not in pairs.folds[:, n]]
        unseen = [n for n in range(len(pairs.same)) if set(pairs.folds[:, n]) == {fold}]
        threshold = calibrations.threshold_at(pairs.scores[[n for n in seen if not pairs.same[n]]], far)
        accepted = [(pairs.same[n], pairs.scores[n] >= threshold) for n in unseen]
        rates.append([np.mean([a for same, a in accepted if same == kind]) for kind in (False, True)])
    assert [found["far"], found["tar"]] == pytest.approx(np.mean(rates, axis=0))
    assert 0 < found["far"] < 0.05
    assert found["calibration_error"] < 0.2


@pytest.mark.parametrize(
    ("persons", "each", "far", "message"),
    [
        (40, 4, 1e-5, "cannot be measured on 12,480 pairs of different people"),
        (40, 4, 1.0, "rate of 1 cannot"),
        (40, 1, 0.1, "0 pairs of one person"),
        (1, 9, 0.1, "and 0 of two"),
        (4, 9, 0.1, "4 people are too few"),
    ],
)
def test_what_pairs_do_not_support_is_refused(persons, each, far, message):
    with pytest.raises(CalibrationError, match=message):
        calibrate(pairs_among(people(persons, each)), far)


EXAMPLE = Calibration(10.0, -5.0, 0.01, 0.6, 100, 1000, 20, {"far": 0.012, "tar": 0.9, "calibration_error": 0.02})


def test_the_file_grows_by_directions_and_refuses_others(tmp_path):
    path = tmp_path / "x.calibration.json"
    Calibrations("m", {"rgb -> rgb": EXAMPLE}).write(path)
    Calibrations("m", {"text -> rgb": dataclasses.replace(EXAMPLE, far=0.1)}).write(path)
    read = read_calibrations(path)
    assert {name: each.far for name, each in read.directions.items()} == {"rgb -> rgb": 0.01, "text -> rgb": 0.1}
    assert read.directions["rgb -> rgb"] == EXAMPLE
    with pytest.raises(CalibrationError, match="of another model"):
        Calibrations("n", {"rgb -> rgb": EXAMPLE}).write(path)
    content = json.loads(path.read_text())
    for damage in (
        "{",
        "[]",
        json.dumps({**content, "schema": 2}),
        json.dumps({**content, "directions": {"rgb -> rgb": {}}}),
        json.dumps(content).replace("0.6", "NaN"),
        json.dumps(content).replace("0.6", '"0.6"'),
    ):
        path.write_text(damage)
        with pytest.raises(CalibrationError, match="no calibration"):
            read_calibrations(path)


def test_listed_pairs(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("a,b,same\n1.png,2.png,1\n2.png,3.png,1\n1.png,4.png,0\n5.png,4.png,0\n")
    listed = read_pairs(str(path))
    features = people(1, 5).features
    pairs = scored_pairs(listed, features)
    assert pairs.scores == pytest.approx(
        [float(features[a] @ features[b]) for a, b in ((0, 1), (1, 2), (0, 3), (4, 3))]
    )
    assert (pairs.persons, pairs.same.tolist()) == (3, [True, True, False, False])
    assert pairs.folds[0, 0] == pairs.folds[1, 1]
    for text, message in (
        ("a,b,same\n1.png,2.png,yes\n", "line 2 has no a, b or same"),
        ("a,b\n1.png,2.png\n", "line 2"),
        ("a,b,same\n", "it has no pairs"),
        ("\x00", "columns a,b,same"),
    ):
        path.write_text(text)
        with pytest.raises(CalibrationError, match=message):
            read_pairs(str(path))
    contradicting = ListedPairs(
        ["1", "2", "3"], np.array([0, 1, 0]), np.array([1, 2, 2]), np.array([True, True, False])
    )
    with pytest.raises(CalibrationError, match="'1' and '3' are listed as two people"):
        scored_pairs(contradicting, features)


def test_verify(model, photos, tmp_path):
    features = model.encode([photos[0], {"rgb": photos[1]}])
    score = float(features[0] @ features[1])
    known = Calibrations(model.digest, {"rgb -> rgb": dataclasses.replace(EXAMPLE, threshold=score + 1e-3)})
    verdict = model.verify(photos[0], photos[1], known)
    assert verdict.score == pytest.approx(score, abs=1e-6)
    assert verdict.probability == pytest.approx(1 / (1 + math.exp(5 - 10 * score)), abs=1e-4)
    assert not verdict.same
    known.write(tmp_path / "x.json")
    assert model.verify(photos[0], photos[0], tmp_path / "x.json").same
    with pytest.raises(CalibrationError, match=r"no calibration of text -> rgb, but of rgb -> rgb"):
        model.verify({"text": "a man"}, photos[0], known)
    with pytest.raises(CalibrationError, match="calibration.json: it is no calibration"):
        model.verify(photos[0], photos[1])
    with pytest.raises(CalibrationError, match="of another model"):
        model.verify(photos[0], photos[1], dataclasses.replace(known, digest="n"))


def test_features_of_a_target(model, monkeypatch, tmp_path, capsys):
    from aio_plugin.tools import calibrate as tool

    monkeypatch.setattr(tool, "load", lambda file, device: model)
    sides = {"query": people(40, 2, seed=0), "gallery": people(40, 3, seed=0)}
    for part, side in sides.items():
        media = {"sketch": "s"} if part == "query" else {"rgb": "r"}
        lines = [
            json.dumps({"pid": int(pid[1:]), "camid": int(camera), "media": media})
            for pid, camera in zip(side.pids, side.cameras, strict=True)
        ]
        (tmp_path / f"{part}.items.jsonl").write_text("\n".join(lines))
        np.save(tmp_path / f"{part}.npy", side.features.numpy())
        facts = {"rows_done": len(lines), "weights_sha256": weights.state_digest(weights.tested_part(model.model))}
        (tmp_path / f"{part}.json").write_text(json.dumps(facts))
    out = tmp_path / "x.json"
    arguments = ["calibrate", "--features", str(tmp_path), "--weights", "x", "--far", "0.01", "--out", str(out)]
    assert command_line.main(arguments) == 0
    assert "sketch -> rgb: 240 pairs of one person, 9,360 of two; 40 people" in capsys.readouterr().out
    found = read_calibrations(out)
    assert (found.digest, list(found.directions)) == (model.digest, ["sketch -> rgb"])
    (tmp_path / "gallery.json").write_text(json.dumps({**facts, "weights_sha256": "0"}))
    assert command_line.main(arguments) == 2
    assert "are of another model" in capsys.readouterr().err


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    pytest.importorskip("lancedb")
    from aio_plugin.search.gallery import Gallery

    from .fakes import FakeModel, run, write_pictures

    at = tmp_path_factory.mktemp("index")
    folder = write_pictures(at / "pictures", 120)
    pattern = ("--pattern", "c{camera}_{}_t{pid}.png", "--out", at / "people.lance", "--root", folder)
    assert run(FakeModel(), "--images", folder, *pattern) == 0
    write_pictures(folder / "infrared", 120, seed=1)
    assert run(FakeModel(), "--images", folder / "infrared", "--modality", "ir", *pattern) == 0
    return Gallery(at / "people.lance")


RGB = Filter({"modality": ["rgb"]})


def test_a_file_of_pairs(gallery, tmp_path, monkeypatch, capsys):
    from aio_plugin.tools import calibrate as tool

    from .test_query import AskedModel

    model = AskedModel()
    model.source = str(tmp_path / "weights")
    monkeypatch.setattr(tool, "load", lambda file, device: model)
    rows = range(120)
    paths = gallery.column("path").to_pylist()
    lines = [f"{paths[a]},{paths[b]},{int(a // 4 == b // 4)}" for a in rows for b in rows if a < b]
    file = tmp_path / "pairs.csv"
    file.write_text("\n".join(["a,b,same", *lines]))
    command = ["calibrate", "--pairs", str(file), "--weights", "x", "--far", "0.01"]
    assert command_line.main([*command, "--root", gallery.root]) == 0
    assert "rgb -> rgb: 180 pairs of one person, 6,960 of two; 30 people" in capsys.readouterr().out
    found = read_calibrations(tmp_path / "weights.calibration.json").directions["rgb -> rgb"]
    kinds = [[], []]
    for a in rows:
        for b in range(a + 1, 120):
            kinds[a // 4 == b // 4].append(float(gallery.vectors[a] @ gallery.vectors[b]))
    assert (found.positives, found.negatives) == (len(kinds[1]), len(kinds[0]))
    assert sum(score >= found.threshold for score in kinds[0]) == 69
    file.write_text("a,b,same\n../x.png,y.png,1\n")
    assert command_line.main(command) == 2
    assert "does not lie below" in capsys.readouterr().err


def test_an_index_is_calibrated_and_search_uses_it(gallery, tmp_path, capsys):
    assert command_line.main(["calibrate", "--index", gallery.uri, "--far", "0.1", "--ignore", "0", "-1"]) == 0
    said = capsys.readouterr().out
    known = read_calibrations(f"{gallery.uri}.calibration.json")
    assert list(known.directions) == ["ir -> ir", "ir -> rgb", "rgb -> rgb"]
    assert known.directions["ir -> rgb"].negatives == 116 * 112
    each = known.directions["rgb -> rgb"]
    assert (each.persons, each.negatives) == (29, 116 * 112 // 2)
    assert f"threshold {each.threshold:.4f} at a false-accept rate of 0.1" in said

    from .test_query import AskedModel

    file = gallery.file(5)
    answer = ask(AskedModel(), gallery, Query({"rgb": [file]}), top=60, where=RGB, calibrations=known)
    for hit in answer.hits:
        assert hit.verdict == each.verdict(hit.score)
        assert hit.verdict.same == (hit.score >= each.threshold)
    unknown = sum(not hit.verdict.same for hit in answer.hits)
    assert 0 < unknown < 60
    assert answer_text(answer).count("  unknown") == unknown
    assert answer_page(answer, gallery, read_image).count('class="tag">unknown') == unknown
    first = answer_json(answer, gallery)["hits"][0]
    assert (first["probability"], first["same"]) == (answer.hits[0].verdict.probability, True)
    for query, why in (
        (Query({"rgb": [file]}, like=[file]), "verdicts are of one medium"),
        (Query({"rgb": [file, file]}), "verdicts are of one medium"),
        (Query({"text": ["red"]}), "no calibration of text -> rgb"),
    ):
        answer = ask(AskedModel(), gallery, query, where=RGB, calibrations=known)
        assert why in answer_text(answer)
        assert all(hit.verdict is None for hit in answer.hits)
    with pytest.raises(CalibrationError, match="of another model"):
        ask(AskedModel(), gallery, query, calibrations=dataclasses.replace(known, digest="other"))
    assert command_line.main(["search", "--index", gallery.uri, "--like", file]) == 0
    assert "verdicts are of one medium" in capsys.readouterr().out, "the file beside the index is read"
    assert command_line.main(["calibrate", "--index", gallery.uri, "--pairs", "x"]) == 2
