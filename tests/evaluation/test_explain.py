"""The file of a target's rankings, and the queries chosen from it."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from aio_plugin.errors import AIOError, MediaError
from aio_plugin.evaluation import rankings
from aio_plugin.evaluation.explain import default_root, explain, explanation_page
from aio_plugin.evaluation.rankings import rankings_of, read_rankings, read_results, write_rankings
from aio_plugin.evaluation.results import target_entry, write_json
from aio_plugin.modality import MODALITIES, Media
from aio_plugin.protocols.pku import PKUSketch
from aio_plugin.protocols.whole_gallery import WholeGallery

from ..metrics import slow
from . import helpers
from .helpers import CAPTION, target

RGB, IR, SKETCH, TEXT, *_ = MODALITIES


def scored(at, **options):
    return helpers.scored(at, 6.0, topk=5, **options)


def explained(at, count=6, **options):
    result, *_ = scored(at)
    entry = target_entry("toy", "sketch -> rgb", {"before": None, "after": result})
    return explain(entry, json.loads(json.dumps(rankings_of(result, "/data"))), count, **options)


def test_the_worst_queries_are_those_of_a_slow_ranking():
    at = target(protocol=WholeGallery("toy", "source"))
    at.query[4] = at.query[4]._replace(pid=77)
    _, q, g = scored(at)
    similarity = (q @ g.T).numpy() / np.outer(q.norm(dim=1), g.norm(dim=1))
    expected = []
    for i, query in enumerate(at.query):
        order = slow.ranking((-similarity[i]).tolist(), [item.source == query.source for item in at.gallery])
        bits = [int(at.gallery[j].pid == query.pid) for j in order]
        if any(bits):
            expected.append((slow.average_precision(bits, "step"), bits.index(1) + 1, i, order[:5]))
    expected.sort()
    found = explained(at, 4).queries
    assert [each.item.media for each in found] == [at.query[i].media[6:] for _, _, i, _ in expected[:4]]
    for each, (ap, rank, i, order) in zip(found, expected, strict=False):
        assert (each.ap, each.first_rank) == (pytest.approx(ap, abs=1e-6), rank)
        assert [item.media for item in each.top] == [at.gallery[j].media[6:] for j in order]
        assert [(item.pid, item.camid) for item in each.top] == [at.gallery[j][1:3] for j in order]
        np.testing.assert_allclose(each.similarity, similarity[i][order], atol=1e-4)
    assert [each.ap for each in explained(at, 9).queries] == sorted(each.ap for each in explained(at, 9).queries)
    assert len(explained(at, 9).queries) == 5, "without the one whose person is not in the gallery"
    best = explained(at, 2, best=True, topk=2).queries
    assert [each.ap for each in best] == [pytest.approx(each[0], abs=1e-6) for each in expected[:-3:-1]]
    assert [len(each.top) for each in best] == [2, 2]


def test_a_query_of_several_trials_stands_once_in_its_worst():
    at = target(protocol=PKUSketch([{0, 1, 2}, {0, 1, 2, 3, 4, 5}]))
    result, *_ = scored(at)
    aps = {}
    for each in result.trials:
        for index, ap in zip(each.trial.query.tolist(), each.retrieval.ap.tolist(), strict=True):
            aps.setdefault(index, []).append(ap)
    found = explained(at).queries
    assert [each.ap for each in found] == pytest.approx(sorted(min(values) for values in aps.values()), abs=1e-6)
    assert len({each.item.media for each in found}) == 6
    best = explained(at, best=True).queries
    assert [each.ap for each in best] == pytest.approx(sorted(map(max, aps.values()), reverse=True), abs=1e-6)


def test_a_query_of_several_items_has_the_media_of_all():
    at = target(SKETCH, people=3, protocol=WholeGallery("toy", grouping="person"))
    at.query += at.query
    assert [len(each.item.media.parts) for each in explained(at).queries] == [2, 2, 2]


def test_text_says_what_stood_before_the_right_person():
    at = target(TEXT)
    at.gallery[2] = at.gallery[2]._replace(media=Media("/data/\x1b[31m0_2.jpg"))
    text = explained(at).text()
    lines = text.splitlines()
    assert lines[0] == "toy: sketch -> rgb, after"
    assert "the 6 worst by AP of 6 queries; ranks count images" in lines[1]
    assert re.fullmatch(r"1\. AP \d+\.\d %, right person at rank \d+, pid \d", lines[3])
    assert lines[4].startswith("   text: captions.json#")
    assert CAPTION in lines[4]
    assert lines[5].split() == ["rank", "gallery", "pid", "camera", "similarity"]
    for line in lines[7:12]:
        right = lines[3].rsplit(" ", 1)[1]
        assert ("<- right person" in line) == (line.split()[2] == right)
    assert "\x1b" not in text


def test_a_ranking_by_other_distances_shows_no_similarity():
    at = target()
    result, *_ = scored(at, rerank=lambda q, g: -(q @ g.T).numpy())
    entry = target_entry("toy", "sketch -> rgb", {"after": result})
    (query, *_) = explain(entry, rankings_of(result, ""), 1).queries
    assert query.similarity == ()
    assert "cosine, re-ranked distance" in explain(entry, rankings_of(result, ""), 1).text()


def test_the_page_embeds_pictures_escapes_text_and_shows_what_cannot_be_read():
    at = target(IR, TEXT)
    opened = []

    def read(path):
        opened.append(path)
        if "3_" in path:
            raise MediaError(f"Cannot read <{path}>.")
        return Image.new("RGB", (20, 40), "red")

    page, missing = explanation_page([explained(at)], "/elsewhere", read, "worst <queries>")
    assert "/elsewhere/0_q.jpg" in opened
    assert missing == list(dict.fromkeys(f"Cannot read <{path}>." for path in opened if "3_" in path))
    assert "Cannot read </elsewhere/3_q.jpg>." in missing
    assert "worst &lt;queries&gt;" in page
    assert "Cannot read &lt;/elsewhere/3_q.jpg&gt;." in page
    assert "&lt;b&gt;red&lt;/b&gt; jacket" in page
    assert "<b>" not in page
    assert not re.search(r'(src|href)=(?!"data:)|url\(|@import', page)  # nothing is fetched
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert len(pictures) == 6
    assert all(Image.open(io.BytesIO(base64.b64decode(each))).height > 192 for each in pictures)


@pytest.fixture
def files(tmp_path):
    """A results file and its rankings."""
    result, *_ = scored(target())
    digest = write_rankings(rankings_of(result, ""), tmp_path / "toy.rankings.json.gz")
    entry = target_entry(
        "toy", "sketch -> rgb", {"after": result}, rankings={"file": "toy.rankings.json.gz", "sha256": digest}
    )
    write_json(helpers.results(entry, config={"data": {"root": "some/where"}}), tmp_path / "toy.json")
    return tmp_path / "toy.json", tmp_path / "toy.rankings.json.gz"


def test_files_read_back(files):
    result, *_ = scored(target())
    found = read_results(files[0])
    assert read_rankings(files[0], found["targets"][0]) == rankings_of(result, "")
    assert default_root(found) == "some/where"
    assert default_root({"config": {}}) == ""
    assert write_rankings(rankings_of(result, ""), files[1]) == found["targets"][0]["rankings"]["sha256"]


def test_damaged_and_old_files_are_refused_with_a_remedy(files):
    path, rankings = files
    found = read_results(path)
    (entry,) = found["targets"]
    content = rankings.read_bytes()
    for broken in (content[:-5], content[:40] + b"\0" + content[41:], b""):
        rankings.write_bytes(broken)
        with pytest.raises(AIOError, match=r"toy.rankings.json.gz: it is damaged or of another run.* test again"):
            read_rankings(path, entry)
    rankings.unlink()
    with pytest.raises(AIOError, match=r"cannot be read .*copy it there, or test again"):
        read_rankings(path, entry)
    with pytest.raises(AIOError, match=r"has no rankings of toy \(files of schema 2 never have\); test again"):
        read_rankings(path, {**entry, "rankings": None})
    path.write_text("{")
    with pytest.raises(AIOError, match=r"toy.json: cannot be read as JSON"):
        read_results(path)
    write_json({**found, "schema": 1}, path)
    with pytest.raises(AIOError, match=r"toy.json: results: schema 1 is not 2 or 3"):
        read_results(path)


def test_rankings_lie_beside_their_results_and_are_bounded(files, monkeypatch, tmp_path):
    path, file = files
    entry = read_results(path)["targets"][0]
    for elsewhere in ("../toy.rankings.json.gz", str(tmp_path.parent / "x")):
        with pytest.raises(AIOError, match="do not lie beside it"):
            read_rankings(path, {**entry, "rankings": {**entry["rankings"], "file": elsewhere}})
    monkeypatch.setattr(rankings, "MOST_BYTES", len(file.read_bytes()))
    with pytest.raises(AIOError, match="is damaged, or unpacks to more than"):
        read_rankings(path, entry)


def test_the_page_shows_no_pictures_from_outside_the_root():
    opened, picture = [], Image.new("RGB", (20, 40))
    at = target(IR, TEXT)
    at.gallery[2] = at.gallery[2]._replace(media=Media("/data/../etc/0_2.jpg"))
    _, missing = explanation_page([explained(at)], "/data", lambda path: opened.append(path) or picture, "page")
    assert not [path for path in opened if "etc" in path]
    assert any("'/data/../etc/0_2.jpg' does not lie below" in each for each in missing)
