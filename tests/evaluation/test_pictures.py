import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from aio_plugin.evaluation.pictures import (
    FOOT,
    FRAME,
    GAP,
    LABEL,
    QUERY,
    RIGHT,
    WRONG,
    ranked_picture,
    write_ranked_lists,
)
from aio_plugin.evaluation.report import RankedList, ranked_lists, write_report
from aio_plugin.evaluation.results import target_entry
from aio_plugin.evaluation.tiles import caption_tile, fit, font, label_of, tile, wrap
from aio_plugin.modality import MODALITIES, Media
from aio_plugin.protocols.pku import PKUSketch
from aio_plugin.protocols.whole_gallery import WholeGallery

from . import helpers
from .helpers import CAPTION, colour, query, render, results, target

RGB, IR, SKETCH, TEXT, *_ = MODALITIES
WIDTH, HEIGHT = 40, 80
TOP = GAP + LABEL


def rgb(code):
    return tuple(int(code[i : i + 2], 16) for i in (1, 3, 5))


def test_frames_and_tiles_are_where_they_should_be():
    at = target(RGB)
    at.query[2] = query(2, RGB, SKETCH)
    order = [6, 0, -1, 8, 17]  # people 2, 0, removed, 2, 5
    picture = np.asarray(ranked_picture(at.query[2], at.gallery, order, render, WIDTH, HEIGHT, cameras=False))
    step = WIDTH + 2 * FRAME + GAP
    expected = [(QUERY, 2), (QUERY, 2), (RIGHT, 2), (WRONG, 0), (RIGHT, 2), (WRONG, 5)]
    for number, (frame, pid) in enumerate(expected):
        x = GAP + number * step + (2 * GAP if number >= 2 else 0)
        block = picture[TOP : TOP + HEIGHT + 2 * FRAME, x : x + WIDTH + 2 * FRAME]
        inside = block[FRAME:-FRAME, FRAME:-FRAME]
        assert (inside == colour(pid)).all(), number
        edge = np.ones(block.shape[:2], bool)
        edge[FRAME:-FRAME, FRAME:-FRAME] = False
        assert (block[edge] == rgb(frame)).all(), number
    assert picture.shape == (HEIGHT + 2 * FRAME + LABEL + FOOT + 2 * GAP, 6 * step + 3 * GAP, 3)


def test_labels_tell_what_is_synthetic():
    assert label_of(Media("a.jpg", IR, synthetic=True)) == "ir, synthetic"
    assert label_of(Media("a.jpg", SKETCH)) == "sketch"
    narrow = ranked_picture(query(1, IR), target().gallery, [0], render, 10, 20)
    assert narrow.width > font(LABEL - 5).getlength("ir, synthetic") + 10


def test_a_caption_is_drawn_within_its_tile():
    drawn = np.asarray(caption_tile(CAPTION, 120, 160).convert("L"))
    ink = np.argwhere(drawn < 128)
    assert len(ink) > 200
    assert ink.min() >= 4
    assert (ink.max(0) < (156, 116)).all()


@pytest.mark.parametrize("text", [CAPTION, "word " * 300, "w" * 600, "", "  ", "a\nb"])
def test_lines_fit(text):
    lines, size = fit(text, 100, 150)
    assert all(font(size).getlength(line) <= 100 for line in lines)
    assert len(lines) * size <= 150
    assert 11 <= size <= 18
    whole = "".join(lines).replace(" ", "") == "".join(text.split())
    assert whole != lines[-1].endswith(" ...")


def test_short_captions_are_set_larger():
    assert fit("A man.", 100, 100)[1] > fit(CAPTION * 3, 100, 100)[1]


def test_wrapping_keeps_every_word():
    assert " ".join(wrap(CAPTION, 100, 12)).split() == CAPTION.split()
    assert "".join(wrap("w" * 50, 60, 12)) == "w" * 50


@pytest.mark.parametrize("text", ["w" * 300, "wi" * 40_000, "\u0301" * 40_000, ("i" * 300 + " ") * 300, CAPTION * 500])
def test_wrapping_measures_each_character_a_few_times(text, monkeypatch):
    measured = []
    stock = type(font(12)).getlength
    monkeypatch.setattr(type(font(12)), "getlength", lambda self, t, *a, **k: measured.append(len(t)) or stock(self, t))
    assert "".join(wrap(text, 100, 12)).replace(" ", "") == "".join(text.split())
    assert sum(measured) < 40 * len(text) + 1000
    measured.clear()
    caption_tile(text, 100, 200)
    assert sum(measured) < 30_000 + 40 * len(text) * ("\u0301" in text), "no more than is drawn"


def test_what_cannot_be_drawn_is_escaped():
    assert list(wrap("a\x1b[31m \udc80b", 500, 12)) == ["a\\x1b[31m \\udc80b"]
    caption_tile("cannot be read: \udc80\x00\u202e", 100, 200)


def scored(at, noise=0.5, **options):
    return helpers.scored(at, noise, topk=4, **options)[0]


def write(at, tmp_path, **options):
    folder = tmp_path / "visrank_toy@sketch+text"
    assert write_ranked_lists(scored(at, **options), folder, 4, render, (HEIGHT, WIDTH)) == folder
    return sorted(folder.iterdir())


def test_files_are_unique_and_carry_the_position_of_the_query(tmp_path):
    at = target(SKETCH, TEXT)
    at.query = [at.query[0], *at.query]  # two captions of one sketch
    names = [path.name for path in write(at, tmp_path)]
    assert names == [f"{i:06d}_{pid}_s.jpg.jpg" for i, pid in enumerate([0, 0, 1, 2, 3, 4, 5])]


def test_names_of_captions_are_safe(tmp_path):
    names = [path.name for path in write(target(TEXT), tmp_path)]
    assert names[1] == "000001_captions.json-1.0.jpg"


def test_a_long_name_of_a_query_is_cut(tmp_path):
    at = target(RGB)
    name = "\u4e2d" * 80 + "\udc80.jpg"
    at.query = [item._replace(media=Media(f"/data/{item.pid}_{name}")) for item in at.query]
    assert [path.name for path in write(at, tmp_path)][1] == "000001_" + "\u4e2d" * 43 + "-.jpg.jpg"


def test_lists_follow_the_protocol(tmp_path):
    """The source photo, which these features find first, is not shown."""
    at = target(RGB, protocol=WholeGallery("toy", "source"))
    at.gallery = [item._replace(media=Media(f"/data/{5 - item.pid}_{item.source % 3}.jpg")) for item in at.gallery]
    drawn = []

    def watch(medium):
        drawn.append(str(medium))
        return render(medium)

    result = scored(at, noise=0)  # ties: all photos of a person
    write_ranked_lists(result, tmp_path, 3, watch, (HEIGHT, WIDTH))
    assert drawn[:3] == ["/data/0_q.jpg", "/data/5_1.jpg", "/data/5_2.jpg"]


def test_positions_are_those_of_all_queries_in_a_trial_of_some(tmp_path):
    names = [path.name for path in write(target(protocol=PKUSketch([{2, 4}])), tmp_path)]
    assert names == ["000002_2_s.jpg.jpg", "000004_4_s.jpg.jpg"]


def test_report(tmp_path):
    at = target(IR, TEXT)
    result = scored(at)
    entry = target_entry(
        "toy@ir+text", "ir+text -> rgb", {"pixels": None, "after": result}, ["1 < 2"], ["ir"], ["2 > 1"]
    )
    found = results(entry, config={"name": "</pre><script>x</script>"})
    lists = ranked_lists(result, 3, 4, render, (HEIGHT, WIDTH))
    assert [each.pid for each in lists] == [0, 2, 5]
    page = write_report(tmp_path / "log" / "report.html", found, {"toy@ir+text": lists}).read_text()
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    shown = [next(each for each in lists if each.right), *lists]
    assert [Image.open(io.BytesIO(base64.b64decode(p))).size for p in pictures] == [e.picture.size for e in shown]
    assert "&lt;b&gt;red&lt;/b&gt; jacket &amp; dark jeans" in page
    assert "1 &lt; 2" in page
    assert "2 &gt; 1" in page
    assert page.count(">leak, see below</span>") == 1
    assert "&lt;/pre&gt;&lt;script&gt;" in page
    assert "<b>" not in page
    assert "<script" not in page
    assert not re.search(r'(src|href)=(?!"data:)|url\(|@import', page)  # nothing is fetched
    assert f"{100 * result.mAP:.1f}" in page
    assert "6 of 6 queries" in page


def test_a_query_that_found_its_person_is_drawn_if_one_did():
    at = target(RGB)
    for right, pids in ([1, 4], [0, 5, 1]), ([0, 4], [0, 5]), ([], [0, 5]):
        result = scored(at)
        result.trials[0].retrieval.first_rank[:] = torch.tensor([1 if pid in right else 2 for pid in range(6)])
        lists = ranked_lists(result, 2, 4, render, (HEIGHT, WIDTH))
        assert [(each.pid, each.right) for each in lists] == [(pid, pid in right) for pid in pids]


def test_a_report_opens_with_what_was_trained_and_right_queries_by_text(tmp_path):
    directions = ["rgb+text", "sketch", "text", "ir", "sketch+text", "ir+sketch"]
    result = scored(target())
    entries = [target_entry(f"toy@{name}", f"{name} -> rgb", {"after": result}) for name in directions]
    wrong, right = (RankedList(7 + right, right, (), Image.new("RGB", (9, 9))) for right in (False, True))
    lists = {entry["target"]: [wrong, right] for entry in entries}
    lists["toy@ir+sketch"] = lists["toy@ir+sketch"][:1]
    source = {"name": "synth_pedes", "identities": 1400, "images": 9, "sha256": "00"}
    facts = {"sources": [source, {**source, "name": "llcm"}], "training": {"epoch": 30.0, "loss": 2.5}}
    found = results(*entries, config={"model": {"name": "aio_tiny"}}, **facts)
    page = write_report(tmp_path / "r.html", found, lists).read_text()
    assert "<h1>aio_tiny, trained on synth_pedes, llcm</h1>" in page
    assert "30 epochs of 2,800 persons" in page
    start, end = page.index("Whom a query finds"), page.index("Every direction")
    assert re.findall("<h3>(.*) → rgb</h3>", page[start:end]) == ["sketch+text", "text", "sketch", "ir"]
    assert re.findall("person (.)", page[start:end].partition("<figure>")[2]) == ["8"] * 4
    del found["training"]
    page = write_report(tmp_path / "r.html", found, {}).read_text()
    assert "<h1>aio_tiny, tested</h1>" in page
    assert "Whom a query finds" not in page


def test_a_report_shows_the_start_of_a_long_caption_and_no_characters_that_are_not_printed(tmp_path):
    at = target(TEXT)
    media = Media("c.json#0", TEXT, "\u202eA man. \ud800 " + "w" * 40_000)
    at.query = [item._replace(media=media) for item in at.query]
    lists = ranked_lists(scored(at), 1, 1, render, (HEIGHT, WIDTH))
    entry = target_entry("toy", "text -> rgb", {"after": scored(at)})
    page = write_report(tmp_path / "r.html", results(entry), {"toy": lists}).read_text()
    (caption,) = re.findall("<figcaption.*>(.*)</figcaption>", page)
    assert caption.startswith(r"\u202eA man. \ud800 www")
    assert caption.endswith("www ...")
    assert len(caption) < 2100


def test_a_report_shows_variants_and_says_that_it_has_no_pictures(tmp_path):
    protocol = WholeGallery("toy", "source", variants=(WholeGallery("toy", part="original <gallery>"),))
    entry = target_entry("toy@text", "text -> rgb", {"after": scored(target(protocol=protocol), 6.0)})
    page = write_report(tmp_path / "r.html", results(entry), {}).read_text()
    assert "No ranked lists were drawn" in page
    (row,) = re.findall(r"<tr>\s*<td><span class=\"target\">variant: (.*?)</tr>", page, re.DOTALL)
    assert row.startswith("toy, original &lt;gallery&gt;, nothing removed")
    numbers = entry["results"]["after"]["variants"][0]["mean"]
    assert re.findall(r">([\d.]+)</td>", row) == [
        f"{100 * numbers[key]:.1f}" for key in ("chance", "rank-1", "mAP", "mINP")
    ]


def test_every_modality_can_be_drawn():
    picture = ranked_picture(query(1, *MODALITIES), target().gallery, range(4), render)
    assert picture.width > picture.height


def words(monkeypatch):
    """What is written into a picture, in order."""
    written = []
    draw = ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        ImageDraw.ImageDraw, "text", lambda self, at, text, **o: (written.append(text), draw(self, at, text, **o))[1]
    )
    return written


def test_ranks_cameras_and_similarities_are_written(monkeypatch):
    at = target()
    gallery = [item._replace(camid=number % 3) for number, item in enumerate(at.gallery)]
    written = words(monkeypatch)
    ranked_picture(query(2, IR, SKETCH), gallery, [6, -1, 4], render, similarity=[0.914, 0.5, -0.2])
    assert written == ["ir, synthetic", "id 2  cam 2", "sketch", "", "1", "cam 1  0.91", "2", "cam 2  -0.20"]


def test_cameras_of_a_gallery_that_has_one_are_left_out(tmp_path, monkeypatch):
    written = words(monkeypatch)
    write(target(RGB, people=2), tmp_path)
    assert "id 0" in written
    assert not any("cam" in each for each in written)


def test_similarities_are_the_features_own_and_left_out_where_others_rank(tmp_path, monkeypatch):
    written = words(monkeypatch)
    at = target(people=2)
    write(at, tmp_path)
    q, g = (np.asarray(each) for each in helpers.scored(at)[1:])
    cosine = (q @ g.T) / np.linalg.norm(q, axis=1)[:, None] / np.linalg.norm(g, axis=1)
    assert [text for text in written if "." in text] == [f"{c:.2f}" for row in cosine for c in -np.sort(-row)[:4]]
    result = scored(at, metric="euclidean")
    similarity = result.similarity(result.trials[0].retrieval)
    np.testing.assert_allclose(similarity, [-np.sort(-row)[:4] for row in cosine], atol=1e-6)
    del written[:]
    write(at, tmp_path, rerank=lambda q, g: np.zeros((len(q), len(g))))
    assert not any("." in text for text in written)


def test_a_query_of_several_sketches_shows_them_all_and_the_similarity_of_their_mean(tmp_path, monkeypatch):
    written = words(monkeypatch)
    at = target(SKETCH, people=2, protocol=WholeGallery("toy", grouping="person"))
    at.query += at.query
    write(at, tmp_path)
    assert written.count("sketch") == 4  # two persons of two each
    _, q, g = helpers.scored(at)
    unit = torch.nn.functional.normalize(q)
    best = torch.cosine_similarity((unit[0] + unit[2])[None], g).max()
    assert f"{best:.2f}" in written


def test_a_long_caption_gets_a_wider_tile():
    long = Media("captions.json#0", TEXT, CAPTION * 3)
    short = Media("captions.json#1", TEXT, "A man.")
    assert tile(short, render, 64, 128).width == 96
    assert tile(long, render, 64, 128).width > 128
    assert tile(long, render, 64, 128).height == 128
    assert tile(Media("captions.json#2", TEXT, CAPTION * 30), render, 64, 128).width == 256
