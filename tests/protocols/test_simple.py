import pytest

from aio_plugin.errors import ProtocolError
from aio_plugin.protocols.pku import PKUSketch
from aio_plugin.protocols.whole_gallery import WholeGallery

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
