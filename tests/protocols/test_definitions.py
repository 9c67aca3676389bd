import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from aio_plugin.errors import ProtocolError
from aio_plugin.evaluation.results import target_entry
from aio_plugin.evaluation.score import score
from aio_plugin.protocols.base import Protocol, Trial
from aio_plugin.protocols.cuhk03 import CUHK03Classic
from aio_plugin.protocols.llcm import LLCM
from aio_plugin.protocols.pku import PKUSketch
from aio_plugin.protocols.sysu import SysuMM01
from aio_plugin.protocols.whole_gallery import WholeGallery

from ..evaluation.helpers import results
from .helpers import image, left

QUERY = [image("q0", 1, 0, source=2), image("q1", 2, 1, source=-1)]
GALLERY = [
    image("g0", 1, 0, source=0),
    image("g1", 1, 1, source=1),
    image("g2", 1, 2, source=2),
    image("g3", 2, 0, source=3),
    image("g4", 0, 0, source=4),
]


@pytest.mark.parametrize(
    ("protocol", "expected", "name"),
    [
        (WholeGallery("x"), [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]], "x, nothing removed"),
        (WholeGallery("x", "same_camera"), [[1, 2, 3, 4], [0, 1, 2, 3, 4]], "x, same person and camera removed"),
        (WholeGallery("x", "source"), [[0, 1, 3, 4], [0, 1, 2, 3, 4]], "x, source photo removed"),
    ],
)
def test_what_is_left(protocol, expected, name):
    (trial,) = protocol.trials(QUERY, GALLERY)
    assert trial.query.tolist() == [0, 1]
    assert trial.gallery.tolist() == [0, 1, 2, 3, 4]
    assert [left(trial, i) for i in range(2)] == expected
    assert (protocol.name, protocol.cmc) == (name, "image")


def test_pku_takes_the_people_of_each_split():
    sketches = [image(f"{pid}.jpg", pid, 0) for pid in (1, 2, 3)]
    photos = [image(f"{pid}_{k}.jpg", pid, k) for pid in (1, 2, 3) for k in (1, 2)]
    protocol = PKUSketch([{3, 1}, {2}])
    first, second = protocol.trials(sketches, photos)
    assert (first.query.tolist(), first.gallery.tolist()) == ([0, 2], [0, 1, 4, 5])
    assert (second.query.tolist(), second.gallery.tolist()) == ([1], [2, 3])
    assert left(first, 0) == [0, 1, 2, 3]
    assert [first.name, second.name] == ["split 1", "split 2"]
    assert protocol.name == "pku_sketch, 2 splits of 1 to 2 test persons, nothing removed"


@pytest.mark.parametrize("splits", [[], [{1}, set()]])
def test_pku_without_people_is_an_error(splits):
    with pytest.raises(ProtocolError, match="check the lists"):
        PKUSketch(splits)


DEFINITIONS = [
    (
        WholeGallery("tri", "source", "test", variants=(WholeGallery("tri"),)),
        {"dataset": "tri", "removal": "source", "cmc": "image", "part": "test", "grouping": "none"},
    ),
    (LLCM("vis_to_ir"), {"direction": "vis_to_ir", "cmc": "identity", "drawn_by": "agw", "num_trials": 10}),
    (SysuMM01("indoor", 10, "agw"), {"mode": "indoor", "shots": 10, "drawn_by": "agw", "removal": "camera_location"}),
    (PKUSketch([{1}, {2, 3}]), {"num_trials": 2, "persons": "1 to 2", "removal": "none"}),
    (CUHK03Classic("cuhk03", "split 1"), {"dataset": "cuhk03", "part": "split 1", "repeats": 10}),
]


@pytest.mark.parametrize(("protocol", "expected"), DEFINITIONS, ids=lambda each: type(each).__name__)
def test_a_definition_is_data_without_lists_of_persons(protocol, expected):
    found = protocol.definition()
    assert found["kind"] == type(protocol).__name__
    assert {key: found[key] for key in expected} == expected
    assert not {"splits", "permutations", "variants"} & found.keys()
    assert json.loads(json.dumps(found)) == found


@dataclass
class EveryOther(Protocol):
    """A protocol of someone else, with fields that JSON does not have."""

    dataset: str = "mine"
    steps: tuple[int, ...] = (1, 2)
    kind_of_item: type = int

    @property
    def name(self):
        return f"{self.dataset}, every other photo"

    def trials(self, query, gallery):
        none = np.full(len(query), -1), np.full(len(gallery[::2]), -1)
        yield Trial("all", np.arange(len(query)), np.arange(0, len(gallery), 2), *none)


def test_a_protocol_of_someone_else_is_scored_and_stands_in_results():
    result = score(torch.eye(2), torch.eye(2)[[0, 0, 1, 1, 1]], QUERY, GALLERY, EveryOther())
    (trial,) = result.trials
    assert (result.mAP, trial.retrieval.num_valid, trial.retrieval.num_left.tolist()) == (1, 1, [3, 3])
    entry = target_entry("mine", "rgb -> rgb", {"after": result})
    (found,) = results(entry)["targets"]
    assert found["results"]["after"]["definition"]["steps"] == [1, 2]
    assert json.loads(json.dumps(found)) == found
