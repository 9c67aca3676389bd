"""What a test prints."""

import dataclasses

import torch

from aio_plugin.evaluation.score import score
from aio_plugin.host.testing import print_result
from aio_plugin.modality import Item, Media
from aio_plugin.protocols.whole_gallery import WholeGallery


def test_a_variant_stands_below_the_result_under_its_name(capsys):
    items = [Item(Media("a.jpg"), 0, 0), Item(Media("b.jpg"), 1, 0)]
    features = torch.eye(2)
    right = score(features, features, items, items, WholeGallery("x"))
    wrong = score(features, features.flip(0), items, items, WholeGallery("y"))
    print_result(dataclasses.replace(right, variants=(wrong,)), [1, 2])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == ["** Results **", "mAP: 100.0%", "mINP: 100.0%", "CMC curve", "Rank-1  : 100.0%"]
    assert lines[6:11] == [
        "** Results: y, nothing removed **",
        "mAP: 50.0%",
        "mINP: 50.0%",
        "CMC curve",
        "Rank-1  : 0.0%",
    ]


def test_further_measures_stand_below_map(capsys):
    items = [Item(Media("a.jpg"), 0, 0), Item(Media("b.jpg"), 1, 0)]
    protocol = WholeGallery("x", similarity_distribution=True)
    print_result(score(torch.eye(2), torch.eye(2), items, items, protocol), [1])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[1:5]] == [
        "mAP", "mINP", "mSD (release-compatible)", "mSD (sorted)",
    ]  # fmt: skip
