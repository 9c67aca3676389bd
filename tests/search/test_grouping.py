"""Pictures are put together into people, scored against those that are known, and written out."""

import csv
import dataclasses
import io
import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from aio_plugin import __main__ as command_line
from aio_plugin.errors import CalibrationError, GalleryError
from aio_plugin.search import grouping
from aio_plugin.search.calibration import Calibrations
from aio_plugin.search.filters import Filter
from aio_plugin.search.people import group_people, people_csv, people_page
from aio_plugin.training.images import read_image

from .test_calibration import EXAMPLE, people


def partition(numbers):
    return {frozenset(np.flatnonzero(numbers == number).tolist()) for number in set(numbers.tolist())}


@pytest.mark.parametrize(("threshold", "neighbours"), [(0.6, 3), (0.8, 3), (0.9, 50), (-1.0, 2), (1.1, 5)])
def test_mutual_neighbours_are_those_of_a_slow_loop(threshold, neighbours):
    features = people(12, 5, spread=0.9).features
    cosines = (features @ features.T).tolist()
    near = []
    for i, row in enumerate(cosines):
        others = sorted((j for j in range(len(row)) if j != i), key=lambda j: -row[j])[:neighbours]
        near.append({j for j in others if row[j] >= threshold})
    left, expected = set(range(len(features))), set()
    while left:
        component, ends = set(), [min(left)]
        while ends:
            component.add(at := ends.pop())
            ends += [j for j in near[at] if at in near[j] and j not in component]
        expected.add(frozenset(component))
        left -= component
    found = grouping.by_neighbours(features, threshold, neighbours)
    assert partition(found) == expected
    sizes = np.bincount(found).tolist()
    assert sizes == sorted(sizes, reverse=True)


def test_density_finds_people_and_leaves_others_alone():
    pytest.importorskip("sklearn")
    known = people(10, 6, spread=0.3)
    assert partition(grouping.by_density(known.features)) == {frozenset(range(6 * n, 6 * n + 6)) for n in range(10)}
    for count in range(4):
        assert grouping.by_density(known.features[::6][:count]).tolist() == list(range(count))


def test_a_track_is_the_mean_of_its_pictures():
    features, codes = people(3, 4).features, np.array([7, 7, -1, 7, 2, 2, 2, -2, 5, 5, 5, 5])
    means, of = grouping.track_means(features, codes)
    for code in set(codes.tolist()):
        (number,) = set(of[codes == code].tolist())
        total = sum(features[row] for row in np.flatnonzero(codes == code))
        assert means[number].tolist() == pytest.approx((total / total.norm()).tolist(), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_agreement_of_a_slow_loop(seed):
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 6, 60)
    pids = [None if n < 5 else f"p{rng.integers(0, 4)}" for n in range(60)]
    known = [n for n in range(60) if pids[n]]
    pairs = list(itertools.combinations(known, 2))
    together = [(a, b) for a, b in pairs if found[a] == found[b]]
    same = [(a, b) for a, b in pairs if pids[a] == pids[b]]
    right = [pair for pair in together if pair in same]
    most = 0
    for number in set(found[known].tolist()):
        own = [pids[n] for n in known if found[n] == number]
        most += max(own.count(pid) for pid in own)
    each = grouping.agreement(found, pids)
    shares = most / len(known), len(right) / len(together), len(right) / len(same)
    assert each == pytest.approx((len(known), *shares, 2 * len(right) / (len(together) + len(same))))


def test_agreement_without_pairs():
    assert grouping.agreement(np.arange(3), [None, "", None]) is None
    alone = grouping.agreement(np.arange(2), ["a", "a"])
    assert (alone.purity, alone.recall, alone.f1) == (1, 0, 0)
    assert math.isnan(alone.precision)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """Four pictures a track, whose features are near each other; tracks 0 and 1 are of one person."""
    pytest.importorskip("lancedb")
    from aio_plugin.search.gallery import Gallery

    from .fakes import DIM, FakeModel, run, write_pictures

    at = tmp_path_factory.mktemp("index")
    folder = write_pictures(at / "pictures", 32)
    model, rng = FakeModel(), np.random.default_rng(0)
    centres = rng.normal(size=(8, DIM))

    def feature(medium):
        track = int(str(medium).rpartition("_t")[2].partition(".")[0])
        return F.normalize(torch.from_numpy(centres[max(track, 1)] + 0.1 * rng.normal(size=DIM)).float(), dim=0)

    model.feature = feature
    with open(folder / "x.csv", "w") as file:
        file.write("path,pid,camera,track,time\n")
        for n in range(32):
            track, pid = n // 4, f"p{max(n // 4, 1)}"
            file.write(f"c{n % 3}_{n}_t{track}.png,{pid},1,{track},{100 - n}\n")
    assert run(model, "--images", folder / "x.csv", "--root", folder, "--out", at / "people.lance") == 0
    return Gallery(at / "people.lance")


def test_people_of_an_index(gallery, tmp_path, capsys):
    known = Calibrations("fake", {"rgb -> rgb": dataclasses.replace(EXAMPLE, threshold=0.9)})
    found = group_people(gallery, calibrations=known)
    assert (found.units, len(found.rows)) == (8, 32)
    tracks = np.array(gallery.column("track").to_pylist()).astype(int)
    assert found.people[tracks == 0].tolist() == [0] * 4 == found.people[tracks == 1].tolist(), "most pictures first"
    assert len(set(found.people.tolist())) == 7
    assert (found.agreement.purity, found.agreement.f1) == (1, 1)
    assert "8 tracks or single pictures); 7 people" in found.summary
    assert group_people(gallery, threshold=0.9, ignore=["p1", "p5"]).agreement.pictures == 20
    single = group_people(gallery, threshold=0.9, tracks=False)
    assert single.units == 32
    some = group_people(gallery, where=Filter({"track": ["3", "5"]}), threshold=0.9)
    assert (len(some.rows), len(set(some.people.tolist()))) == (8, 2)
    none = group_people(gallery, where=Filter({"track": ["99"]}), calibrations=known)
    assert none.summary.startswith("0 pictures")
    assert people_csv(none, gallery).splitlines() == ["person,id,path,box,pid,camera,track,time"]
    assert "People in people.lance" in people_page(none, gallery, read_image)

    lines = list(csv.DictReader(io.StringIO(people_csv(found, gallery))))
    assert [line["person"] for line in lines[:9]] == ["1"] * 8 + ["2"]
    assert {line["path"] for line in lines[:8]} == {f"c{n % 3}_{n}_t{n // 4}.png" for n in range(8)}
    assert lines[0]["time"].startswith("1970-01-01 00:01:")
    page = people_page(found, gallery, read_image)
    assert page.count("data:image/jpeg") == 32
    assert page.count("Person 1</strong>") == 1
    assert "1970-01-01 00:01:33 to 1970-01-01 00:01:40" in page

    out = tmp_path / "people.csv"
    command = ["group", "--index", gallery.uri, "--csv", str(out)]
    assert command_line.main([*command, "--threshold", "0.9", "--html", str(tmp_path / "p.html")]) == 0
    assert out.read_text() == people_csv(found, gallery)
    assert (tmp_path / "p.html").read_text() == page
    assert found.summary in capsys.readouterr().out
    assert command_line.main(command) == 2
    assert "run `aio-reid calibrate`" in capsys.readouterr().err
    assert command_line.main([*command, "--threshold", "0.9", "--method", "hdbscan"]) == 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, GalleryError, "is not known"),
        ({"threshold": 0.9, "neighbours": 0}, GalleryError, "neighbours is 0"),
        ({"method": "kmeans"}, GalleryError, "no method 'kmeans'"),
        ({"calibrations": Calibrations("other", {})}, CalibrationError, "another model"),
        ({"calibrations": Calibrations("fake", {"text -> rgb": EXAMPLE})}, GalleryError, "is not known"),
    ],
)
def test_refusals(gallery, options, error, message):
    with pytest.raises(error, match=message):
        group_people(gallery, **options)
