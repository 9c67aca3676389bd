"""Pictures come into an index, change and leave it, and what is asked for is found."""

import datetime
import os

import numpy as np
import pytest
import torch

from aio_plugin.errors import AIOError, GalleryError
from aio_plugin.search.filters import Filter
from aio_plugin.search.gallery import Gallery
from aio_plugin.search.pictures import PathPattern, read_pictures

from .fakes import FakeModel, run, write_pictures

pytest.importorskip("lancedb")

PATTERN = "c{camera}_{time}_t{track}.png"


def rows(out, *columns):
    gallery = Gallery(out)
    return {row["path"]: row for row in gallery.values(range(len(gallery)), ["path", *columns]).to_pylist()}


def test_a_folder_with_a_pattern(folder, out, capsys):
    model = FakeModel()
    assert run(model, "--images", folder, "--out", out, "--pattern", PATTERN) == 0
    assert "12 pictures added" in capsys.readouterr().out
    gallery = Gallery(out)
    assert (len(gallery), gallery.root, gallery.index.digest) == (12, str(folder), "fake")
    found = rows(out, "camera", "time", "track", "pid", "box", "modality")
    assert found["c1_4_t1.png"] == {
        "path": "c1_4_t1.png",
        "camera": "1",
        "time": datetime.datetime(1970, 1, 1, 0, 0, 4),
        "track": "1",
        "pid": None,
        "box": None,
        "modality": "rgb",
    }
    query = torch.stack([model.feature(gallery.file(row)) for row in (7, 3)])
    hits = gallery.search(query * 5, top=3)
    assert hits.rows[:, 0].tolist() == [7, 3]
    assert hits.scores[:, 0] == pytest.approx(1)
    assert hits.ids[0][0] == gallery.values([7], ["id"])["id"][0].as_py()
    for where, kept in (
        (Filter({"camera": ["0", "2"]}), 8),
        (Filter({"camera": ["0"], "track": ["0", "1"]}), 3),
        (Filter(after=datetime.datetime(1970, 1, 1, 0, 0, 3), before=datetime.datetime(1970, 1, 1, 0, 0, 5)), 2),
        (Filter({"pid": [""]}, paths=["c1_4_t1.png"]), 1),
        (Filter({"pid": ["x"]}), 0),
    ):
        hits = gallery.search(query, top=20, where=where)
        assert hits.rows.shape == (2, kept)
        assert np.isin(hits.rows, np.flatnonzero(gallery.mask(where))).all()


def test_it_grows_and_shrinks(folder, out, capsys):
    model = FakeModel()
    assert run(model, "--images", folder, "--out", out) == 0
    write_pictures(folder, 5, start=12)
    write_pictures(folder, 1, start=3, seed=1)  # another picture under the same name
    os.utime(folder / "c0_0_t0.png", (1, 1))
    before = rows(out, "sha256")
    model.encoded.clear()
    assert run(model, "--images", folder, "--out", out) == 0
    assert "5 pictures added, 1 encoded anew, 0 with new values, 11 unchanged" in capsys.readouterr().out
    assert {os.path.basename(path) for path in model.encoded} == {
        "c0_3_t0.png",
        *(f"c{n % 3}_{n}_t{n // 4}.png" for n in range(12, 17)),
    }
    after = rows(out, "sha256", "modified")
    assert {path for path in before if before[path]["sha256"] != after[path]["sha256"]} == {"c0_3_t0.png"}
    assert after["c0_0_t0.png"]["modified"] == 10**9
    assert run(model, "--images", folder, "--out", out, "--pattern", PATTERN) == 0
    assert "0 pictures added, 0 encoded anew, 17 with new values" in capsys.readouterr().out
    assert run(model, "--out", out, "--delete", "--camera", "1", "--after", "5") == 0
    assert "4 rows deleted" in capsys.readouterr().out
    (folder / "c0_0_t0.png").unlink()
    write_pictures(folder, 1, start=2, seed=2)
    assert run(model, "--out", out, "--prune") == 0
    assert "2 rows deleted" in capsys.readouterr().out
    assert len(rows(out)) == 11
    assert run(model, "--images", folder, "--out", out) == 0
    assert len(rows(out)) == 16
    assert set(rows(out, "camera")["c1_7_t1.png"].values()) == {"c1_7_t1.png", None}


def test_a_manifest_with_boxes_and_further_columns(folder, out, capsys):
    manifest = folder / "people.csv"
    lines = ["path,pid,camid,time,box,weather", "c0_0_t0.png,anna,hall,2024-01-31T16:30:00+01:00,0 0 2 4,rain"]
    lines += [
        "c0_0_t0.png,ben,hall,,2 0 2 4,",
        "c1_1_t0.png,,,,,sun",
        "c2_2_t0.png,anna,,,3 0 2 4,sun",
        "gone.png,,,,,",
    ]
    manifest.write_text("\n".join(lines))
    model = FakeModel()
    assert run(model, "--images", manifest, "--out", out) == 1
    printed = capsys.readouterr()
    assert "3 pictures added" in printed.out
    assert "2 refused" in printed.out
    assert "gone.png: No such file" in printed.err
    assert "the box reaches beyond its 4 x 4 pixels" in printed.err
    gallery = Gallery(out)
    assert gallery.columns[-1] == "weather"
    (anna,) = np.flatnonzero(gallery.mask(Filter({"pid": ["anna"]})))
    (row,) = gallery.values([anna]).to_pylist()
    assert (row["camera"], row["time"], row["box"], row["weather"]) == (
        "hall",
        datetime.datetime(2024, 1, 31, 15, 30),
        [0, 0, 2, 4],
        "rain",
    )
    assert len({tuple(vector) for vector in gallery.vectors.tolist()}) == 3
    manifest.write_text("\n".join(lines[:4]).replace("ben", "carl"))
    assert run(model, "--images", manifest, "--out", out) == 0
    assert "0 encoded anew, 1 with new values, 2 unchanged" in capsys.readouterr().out
    assert sorted(Gallery(out).column("pid").to_pylist(), key=str) == [None, "anna", "carl"]


def test_bad_pictures_are_named_and_skipped(folder, out, capsys):
    (folder / "empty.png").write_bytes(b"")
    (folder / "a\x1b[31m.jpg").write_bytes(b"no picture")
    (folder / "notes.doc").write_bytes(b"ignored")
    with open(os.path.join(os.fsencode(folder), b"\xff.png"), "wb") as file:
        file.write(b"")
    assert run(FakeModel(), "--images", folder, "--out", out) == 1
    printed = capsys.readouterr()
    assert "12 pictures added" in printed.out
    assert "3 refused" in printed.out
    assert len(printed.err.splitlines()) == 3
    assert "\x1b" not in printed.err
    assert "rename it" in printed.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--images", "{folder}", "--out", "{out}/people"), "ends in .lance"),
        (("--images", "{folder}/none", "--out", "{out}"), "There is no"),
        (("--images", "{folder}", "--pattern", "{{camera}}", "--root", "/usr", "--out", "{out}"), "below /usr"),
        (("--images", "{folder}", "--out", "{out}", "--pattern", "x{{camera}}"), "does not match"),
        (("--images", "{folder}", "--out", "{out}", "--pattern", "{{camera}}{{track}}"), "no text between"),
        (("--images", "{folder}", "--out", "{out}", "--pattern", "{{vector}}"), "cannot be a column"),
        (("--prune", "--out", "{out}"), "There is no index"),
        (("--out", "{out}"), "Say what to do"),
        (("--out", "{out}", "--delete"), "--delete takes"),
        (("--out", "{out}", "--camera", "1"), "--delete takes"),
        (("--out", "{out}", "--delete", "--after", "noon"), "is not a time"),
    ],
)
def test_what_cannot_be_done(folder, out, capsys, arguments, said):
    arguments = [each.format(folder=folder, out=out) for each in arguments]
    assert run(FakeModel(), *arguments) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_another_model_is_refused(folder, out, capsys):
    assert run(FakeModel(), "--images", folder, "--out", out) == 0
    assert run(FakeModel("other"), "--images", folder, "--out", out) == 2
    assert "was made by another model" in capsys.readouterr().err
    with pytest.raises(GalleryError, match="another model"):
        Gallery(out).require_model("other")


def test_nothing_is_pruned_while_the_pictures_are_not_mounted(folder, out, capsys):
    assert run(FakeModel(), "--images", folder, "--out", out) == 0
    for left in (True, False):
        folder.rename(folder.parent / "elsewhere")
        if left:
            folder.mkdir()
        assert run(FakeModel(), "--prune", "--out", out) == 2
        assert "Nothing was deleted" in capsys.readouterr().err
        if left:
            folder.rmdir()
        (folder.parent / "elsewhere").rename(folder)
    (folder.parent / "moved").symlink_to(folder)
    assert run(FakeModel(), "--prune", "--out", out, "--root", folder.parent / "moved") == 0
    assert len(rows(out)) == 12


@pytest.mark.parametrize(
    ("pattern", "path", "values"),
    [
        ("{pid}_c{camera}s{}_{time}_{}", "x/0002_c1s4_000451_03.jpg", {"pid": "0002", "camera": "1", "time": 451}),
        ("{camera}/{track}/{}.jpg", "a/b/cam1/t7/9.jpg", {"camera": "cam1", "track": "t7"}),
        ("{a}-{b}.jpg", "1-2-3.jpg", {"a": "1", "b": "2-3"}),
        ("{a}.jpg", "1.jpg.jpg", {"a": "1.jpg"}),
        ("{{{a}}}", "{1}", {"a": "1"}),
        ("{a}_{b}", "_1", None),
        ("{a}_{b}", "1_", None),
        ("{a}_{b}", "x/1", None),
        ("{a}/{b}", "1", None),
        ("{time}.jpg", "noon.jpg", None),
        ("{time}.jpg", "20240131.jpg", None),
        ("{time:%Y%m%d}.jpg", "20240131.jpg", {"time": 1706659200}),
    ],
)
def test_what_a_pattern_reads(pattern, path, values):
    if values is None:
        with pytest.raises(ValueError, match=r"does not match|time"):
            PathPattern(pattern).read(path)
        return
    found, time = PathPattern(pattern).read(path)
    seconds = None if time is None else (time - datetime.datetime(1970, 1, 1)).total_seconds()
    assert {**found, **({} if seconds is None else {"time": seconds})} == values


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "path,box\nx.png,1 2 3\n", "line 2: box '1 2 3' is not"),
        ("a.csv", "path,box\nx.png,1 2 3 -4\n", "is not x, y, width"),
        ("a.csv", "path\nx.png\nx.png\n", "line 3: repeats the picture of line 2"),
        ("a.csv", "path\n../x.png\n", "does not lie below"),
        ("a.csv", "path,time\nx.png,yesterday\n", "is not a time"),
        ("a.csv", "path,modality\nx.png,text\n", "'text' is none of"),
        ("a.csv", "path,Vector\nx.png,1\n", "unknown column 'vector'"),
        ("a.csv", "pid\nanna\n", "no column 'path'"),
        ("a.jsonl", '{"path": "x.png", "camera": {}}\n', "'camera' must be"),
        ("a.txt", "/etc/passwd\n", "no pictures"),
        ("a.doc", "x", "is a file; give"),
    ],
)
def test_what_a_list_may_not_say(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(AIOError, match=said):
        read_pictures(str(tmp_path / name))


def test_lists_and_json_lines(tmp_path):
    (tmp_path / "a.txt").write_text(f"x.png\n\n{tmp_path}/sub/y.png\nx.png\n")
    assert [picture.path for picture in read_pictures(str(tmp_path / "a.txt")).listed] == ["x.png", "sub/y.png"]
    (tmp_path / "a.jsonl").write_text('{"path": "x.png", "camera": 2, "box": [0, 1, 2, 3], "time": 1.5, "ok": null}\n')
    read = read_pictures(str(tmp_path / "a.jsonl"))
    (picture,) = read.listed
    assert (picture.values, picture.box) == ({"camera": "2", "ok": ""}, (0, 1, 2, 3))
    assert picture.time == datetime.datetime(1970, 1, 1, 0, 0, 1, 500000)
    assert read.stated == ("camera", "time", "ok")
