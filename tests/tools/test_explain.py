"""Why is this mAP what it is? One command names the worst queries of a demo target."""

import json
import os
import re

import numpy as np

from ..metrics import slow
from . import trained


def slow_worst(folder):
    """AP, rank of the right person, pid and gallery order of every query, worst first; from extracted features."""
    q, g = (np.load(folder / f"{part}.npy").astype(np.float64) for part in ("query", "gallery"))
    queries, gallery = (
        [json.loads(line) for line in (folder / f"{part}.items.jsonl").read_text().splitlines()]
        for part in ("query", "gallery")
    )
    ranked = []
    for features, query in zip(q, queries, strict=True):
        removed = [(item["pid"], item["camid"]) == (query["pid"], query["camid"]) for item in gallery]
        order = slow.ranking([1 - float(features @ other) for other in g], removed)
        bits = [int(gallery[j]["pid"] == query["pid"]) for j in order]
        if any(bits):
            top = [gallery[j] for j in order]
            ranked.append((slow.average_precision(bits, "step"), bits.index(1) + 1, query["pid"], top))
    return sorted(ranked, key=lambda each: (each[0], -each[1]))


def test_one_command_names_the_worst_queries(small_world, weights, tmp_path, capsys):
    target = ("--list", "market1501", "--weights", weights, "--out", tmp_path / "features")
    assert trained.command("extract", small_world, *target) == 0
    test = ("test.evaluate", True, "model.load_weights", weights, "aio.test.pixels", False, "aio.test.report", False)
    test += ("data.targets", "['market1501']", "data.save_dir", tmp_path)
    test += ("test.batch_size", 2, "aio.train.warmup_epochs", 0, "aio.test.open_set", "[0.5]")
    assert trained.command("main", small_world, *test) == 0
    results, page = tmp_path / "results" / "market1501.json", tmp_path / "explain.html"
    figures = json.loads(results.read_text())["targets"][0]["results"]["after"]["mean"]
    assert 0 <= figures["DIR at FPIR 0.5"] <= figures["TPIR at FPIR 0.5"] <= 1
    capsys.readouterr()

    assert trained.main(["explain", str(results), "--worst", "5", "--top", "3", "--html", str(page)]) == 0

    text = capsys.readouterr().out
    expected = slow_worst(tmp_path / "features")[:5]
    found = re.findall(r"^\d\. AP ([\d.]+) %, right person at rank (\d+), pid (\d+), cam \d$", text, re.M)
    assert found == [(f"{100 * ap:.1f}", str(rank), str(pid)) for ap, rank, pid, _ in expected]
    shown = re.findall(r"^ +\d+  (\S+) +(\d+) +cam", text, re.M)
    before = [(os.path.basename(item["name"]), str(item["pid"])) for *_, top in expected for item in top[:3]]
    assert [(os.path.basename(path), pid) for path, pid in shown] == before
    assert page.read_text().count("data:image/jpeg") == 5
    assert "cannot be read" not in text
    assert trained.main(["explain", str(tmp_path / "results.json"), "--worst", "5", "--top", "3"]) == 0
    assert capsys.readouterr().out.strip() == text.partition("\n\nPage saved")[0].strip()


def test_refusals(tmp_path, capsys):
    old = trained.Path(__file__).parents[1] / "evaluation" / "results_of_schema_2.json"
    for arguments, message in (
        ([str(old)], "no rankings of market1501 (files of schema 2 never have); test again"),
        ([str(tmp_path / "absent.json")], "cannot be read as JSON"),
        ([str(old), "--worst", "0"], "give numbers from 1"),
    ):
        assert trained.main(["explain", *arguments]) == 2
        assert message in capsys.readouterr().err
