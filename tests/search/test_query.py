"""Questions of any mix: what is found, by what part of the query, in which order, and how it is shown."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from aio_plugin import __main__ as command_line
from aio_plugin.errors import GalleryError
from aio_plugin.metrics.reranking import reciprocal_distances
from aio_plugin.modality import Media, Modality
from aio_plugin.search.answers import answer_json, answer_page, answer_text
from aio_plugin.search.filters import Filter
from aio_plugin.search.gallery import Gallery
from aio_plugin.search.query import Query, ask
from aio_plugin.training.images import read_image

from .fakes import DIM, FakeModel, run, write_pictures

pytest.importorskip("lancedb")

PATTERN = "c{camera}_{time}_t{track}.png"


class AskedModel(FakeModel):
    """A FakeModel that encodes queries: the mean of the features of their media; captions seed a feature."""

    source = ""

    def encode(self, items, progress=False):
        return torch.stack([F.normalize(sum(self.part(*each) for each in item.items()), dim=0) for item in items])

    def part(self, name, medium):
        if name == "text":
            return F.normalize(torch.from_numpy(np.random.default_rng(len(medium)).normal(size=DIM)).float(), dim=0)
        return self.feature(Media(str(medium), Modality.named(name)))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    at = tmp_path_factory.mktemp("index")
    folder = write_pictures(at / "pictures", 40)
    assert run(FakeModel(), "--images", folder, "--out", at / "people.lance", "--pattern", PATTERN) == 0
    return Gallery(at / "people.lance")


@pytest.fixture(scope="module")
def files(gallery):
    return [gallery.file(row) for row in range(len(gallery))]


def slow_order(gallery, feature, kept):
    scores = {row: float(gallery.vectors[row] @ feature) for row in kept}
    return sorted(kept, key=lambda row: -scores[row]), scores


def test_a_mix_of_media_and_the_share_of_each(gallery, files):
    model = AskedModel()
    query = Query({"rgb": [files[3], files[9]], "text": ["red"]}, like=[files[20]], unlike=["c0_21_t5.png"])
    where = Filter({"camera": ["0", "2"]})
    answer = ask(model, gallery, query, top=7, where=where, contributions=True)

    def feature(media, like, unlike):
        total = torch.zeros(DIM)
        if media:
            items = [dict(zip(media, each, strict=True)) for each in media_combinations(media)]
            total += F.normalize(model.encode(items).mean(0), dim=0)
        total += 0.75 * gallery.vectors[20] if like else 0
        total -= 0.15 * gallery.vectors[named[0]] if unlike else 0
        return F.normalize(total, dim=0)

    def media_combinations(media):
        if len(media) == 1:
            return [[each] for each in next(iter(media.values()))]
        return [[a, b] for a in media["rgb"] for b in media["text"]]

    paths = gallery.column("path").to_pylist()
    named = [paths.index("c0_21_t5.png")]
    kept = [row for row, path in enumerate(paths) if path[1] in "02" and row not in named]
    whole = feature(query.media, True, True)
    order, scores = slow_order(gallery, whole, kept)
    assert [hit.row for hit in answer.hits] == order[:7]
    assert [hit.path for hit in answer.hits] == [paths[row] for row in order[:7]]
    assert answer.compared == len(kept)
    lesser = {
        "rgb": feature({"text": ["red"]}, True, True),
        "text": feature({"rgb": query.media["rgb"]}, True, True),
        "like": feature(query.media, False, True),
        "unlike": feature(query.media, True, False),
    }
    for hit in answer.hits:
        assert hit.score == pytest.approx(scores[hit.row], abs=1e-6)
        without = {part: float(gallery.vectors[hit.row] @ each) for part, each in lesser.items()}
        assert hit.contributions == pytest.approx(
            {part: hit.score - cosine for part, cosine in without.items()}, abs=1e-5
        )
    alone = ask(model, gallery, Query({"rgb": [files[3]]}), top=2, contributions=True).hits
    assert alone[0].row == 3
    assert [hit.contributions for hit in alone] == [{"rgb": pytest.approx(hit.score)} for hit in alone]


@pytest.mark.parametrize(("group", "rerank"), [("track", 0), ("person", 0), ("camera", 0), ("track", 12)])
def test_the_best_picture_stands_for_its_group(gallery, group, rerank):
    where = Filter({"camera": ["0", "1"]})
    query = Query(like=[gallery.column("id")[5].as_py()])
    answer = ask(None, gallery, query, top=6, where=where, group=group, rerank=rerank)
    kept = np.flatnonzero(gallery.mask(where)).tolist()
    rows = gallery.values(range(len(gallery)), ["camera", "track"]).to_pylist()
    order, _ = slow_order(gallery, gallery.vectors[5], kept)
    if rerank:
        best = torch.tensor(order[:rerank])
        again = reciprocal_distances(gallery.vectors[5], gallery.vectors[best]).argsort(kind="stable")
        order[:rerank] = best[again].tolist()
    groups = {}
    for row in order:  # none has a pid
        key = {"track": tuple(rows[row].values()), "person": row, "camera": rows[row]["camera"]}[group]
        groups.setdefault(key, []).append(row)
    assert [(hit.row, hit.count) for hit in answer.hits] == [(g[0], len(g)) for g in groups.values()][:6]
    assert answer.hits[0].row == 5


@pytest.mark.parametrize("count", [5, 60])
def test_reranking_is_torchreids_on_the_candidates(count):
    re_ranking = pytest.importorskip("torchreid.reid.utils.rerank").re_ranking
    torch.manual_seed(0)
    centres = F.normalize(torch.randn(6, 16))
    features = F.normalize(centres[torch.arange(count + 1) % 6] + 0.15 * torch.randn(count + 1, 16))
    distances = 1 - features @ features.T
    expected = re_ranking(*(each.numpy() for each in (distances[:1, 1:], distances[:1, :1], distances[1:, 1:])))
    measured = reciprocal_distances(features[0], features[1:])
    assert measured == pytest.approx(expected[0], abs=1e-5)
    assert np.isfinite(reciprocal_distances(features[0], features[1:2].expand(50, -1))).all(), "equal pictures"


@pytest.mark.parametrize(
    ("query", "options", "message"),
    [
        ({}, {}, "query is empty"),
        ({"unlike": ["c0_0_t0.png"]}, {}, "query is empty"),
        ({"media": {"rgb": ["a.jpg"] * 65}}, {}, "65 combinations"),
        ({"like": ["x"] * 1001}, {}, "names 1001 pictures"),
        ({"like": ["\x1b[31m.png"]}, {}, r"no picture '\x1b[31m.png'"),
        ({"like": ["c0_0_t0.png"]}, {"top": 0}, "top is 1 to"),
        ({"like": ["c0_0_t0.png"]}, {"rerank": 2001}, "rerank 0 to 2000"),
        ({"like": ["c0_0_t0.png"]}, {"group": "time"}, "not of text"),
        ({"like": ["c0_0_t0.png"]}, {"group": "weather"}, "no column 'weather'"),
        ({"media": {"text": ["red"]}}, {}, "needs the model"),
    ],
)
def test_refusals(gallery, query, options, message):
    with pytest.raises(GalleryError) as raised:
        ask(None, gallery, Query(**query), **options)
    assert message in str(raised.value)


def test_another_models_index_is_refused(gallery):
    with pytest.raises(GalleryError, match="another model"):
        ask(AskedModel("other"), gallery, Query({"text": ["red"]}))


def test_nothing_is_left_by_the_filter(gallery):
    answer = ask(None, gallery, Query(like=["c0_0_t0.png"]), where=Filter({"camera": ["9"]}), group="track", rerank=5)
    assert (answer.hits, answer.compared) == ((), 0)
    assert "0 pictures compared" in answer_text(answer)
    assert "No picture is left" in answer_page(answer, gallery, read_image)


def test_what_is_shown_is_escaped_and_missing_pictures_are_named(tmp_path):
    folder, evil = tmp_path / "pictures", "<script>alert(1)</script>"
    write_pictures(folder, 3)
    (folder / "x.csv").write_text(
        f'path,pid,camera\nc0_0_t0.png,"{evil}",\x1b[31mred\nc1_1_t0.png,,1\nc2_2_t0.png,,2\n'
    )
    out = tmp_path / "people.lance"
    assert run(FakeModel(), "--images", folder / "x.csv", "--root", folder, "--out", out) == 0
    gallery = Gallery(out)
    (folder / "c2_2_t0.png").unlink()
    photo = Image.new("RGB", (20, 40), "red")
    model = AskedModel()
    model.part = lambda name, medium: gallery.vectors[0]
    answer = ask(model, gallery, Query({"rgb": [photo], "text": [evil]}), contributions=True)
    text, page = answer_text(answer), answer_page(answer, gallery, read_image)
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 2
    assert page.count("data:image/jpeg") == 4
    assert page.count('src="') == 4, "nothing is loaded from elsewhere"
    content = json.loads(json.dumps(answer_json(answer, gallery)))
    assert content["query"]["media"] == {"rgb": ["an image in memory"], "text": [evil]}
    assert content["hits"][0] == {
        "rank": 1,
        "id": answer.hits[0].id,
        "path": "c0_0_t0.png",
        "score": pytest.approx(1),
        "probability": None,
        "same": None,
        "pictures": 1,
        "contributions": {"rgb": pytest.approx(0, abs=1e-6), "text": pytest.approx(0, abs=1e-6)},
        "box": None,
        "modality": "rgb",
        "pid": evil,
        "camera": "\x1b[31mred",
        "track": None,
        "time": None,
        "values": {},
    }


def test_the_command(gallery, files, tmp_path, monkeypatch, capsys):
    from aio_plugin.tools import search

    model, page = AskedModel(), tmp_path / "page.html"
    monkeypatch.setattr(search, "load", lambda weights, device: model)

    def command(*arguments):
        code = command_line.main(["search", "--index", gallery.uri, *map(str, arguments)])
        return code, capsys.readouterr()

    code, said = command("--weights", "x", "--rgb", files[7], files[8], "--ir", files[7], "--top", 3, "--html", page)
    assert code == 0
    assert len(said.out.splitlines()) == 2 + 3 + 2
    assert page.read_text().count("data:image/jpeg") == 6
    arguments = ("--like", "c1_7_t1.png", "--camera", "1", "--after", "5", "--json", "--group", "track")
    code, said = command(*arguments)
    hits = json.loads(said.out)["hits"]
    assert (code, hits[0]["path"], {hit["camera"] for hit in hits}) == (0, "c1_7_t1.png", {"1"})
    assert min(hit["time"] for hit in hits) >= "1970-01-01T00:00:05"
    code, said = command("--rgb", files[7])
    assert (code, said.err) == (2, "aio-reid: A query of media needs --weights, the model that made the index.\n")
    assert command("--like", "a", "--media", "depth")[0] == 2


def test_asking_needs_no_torchreid():
    import subprocess

    code = "import sys; sys.modules['torchreid'] = None; import aio_plugin.search.answers, aio_plugin.search.query"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
