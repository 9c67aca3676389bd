"""Pictures and captions of toy people."""

import dataclasses
import re

import numpy as np
import pytest

from aio_plugin.toy import wardrobe
from aio_plugin.toy.cameras import WEB_CAMERAS
from aio_plugin.toy.captions import attribute_slots, caption
from aio_plugin.toy.drawing.draw import draw_ir, draw_rgb, draw_sketch, sample_views
from aio_plugin.toy.drawing.sketch import HANDS
from aio_plugin.toy.people import sample_person

from .people import POSES, rng


def _recoloured(person):
    colours = list(wardrobe.COLOURS)
    swap = dict(zip(colours, colours[1:] + colours[:1], strict=True))
    changes = {f: swap[getattr(person, f)] for f in vars(person) if f.endswith("colour") and f != "hair_colour"}
    return dataclasses.replace(person, **changes, accent=swap[person.accent], skin=3 - person.skin)


def _other_fabric(person):
    fabrics = list(wardrobe.MATERIALS)
    changes = {f: fabrics[fabrics.index(getattr(person, f)) - 1] for f in vars(person) if f.endswith("material")}
    return dataclasses.replace(person, **changes)


def test_infrared_sees_the_material_and_never_the_colour():
    person = sample_person(rng(4))
    coloured, fabric = _recoloured(person), _other_fabric(person)
    assert draw_ir(person, 0, rng(1)).tobytes() == draw_ir(coloured, 0, rng(1)).tobytes()
    assert draw_ir(person, 0, rng(1)).tobytes() != draw_ir(fabric, 0, rng(1)).tobytes()
    assert draw_rgb(person, 0, rng(1)).tobytes() != draw_rgb(coloured, 0, rng(1)).tobytes()
    assert draw_rgb(person, 0, rng(1)).tobytes() == draw_rgb(fabric, 0, rng(1)).tobytes()
    assert draw_sketch(person, "B", rng(1)).tobytes() == draw_sketch(fabric, "B", rng(1)).tobytes()


def test_infrared_is_grey():
    pixels = np.asarray(draw_ir(sample_person(rng(5)), 1, rng(5)))
    assert (pixels == pixels[..., :1]).all()


@pytest.mark.parametrize("hand", HANDS)
def test_sketches_are_dark_lines_on_white_paper(hand):
    pixels = np.asarray(draw_sketch(sample_person(rng(6)), hand, rng(6)).convert("L"))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert np.mean(border > 250) > 0.8
    assert 0.01 < np.mean(pixels < 160) < 0.6


def test_hands_differ():
    person = sample_person(rng(7))
    assert len({draw_sketch(person, hand, rng(7), POSES[0]).tobytes() for hand in HANDS}) == len(HANDS)


@pytest.mark.parametrize("draw", [draw_rgb, draw_ir])
def test_another_size(draw):
    assert draw(sample_person(rng(8)), 0, rng(8), size=(96, 192)).size == (96, 192)
    assert draw(sample_person(rng(8)), 0, rng(8)).size == (64, 128)


def test_sample_views_repeats_itself():
    images, sentence = sample_views(11, 3)
    again, same = sample_views(11, 3)
    assert [i.tobytes() for i in images] == [i.tobytes() for i in again]
    assert sentence == same
    assert len({i.tobytes() for i in images}) == 3
    assert sentence != sample_views(12, 3)[1]
    friendly, _ = sample_views(11, 3, cameras=WEB_CAMERAS)
    assert [i.tobytes() for i in friendly] != [i.tobytes() for i in images]


def test_captions_are_sentences_that_vary():
    lengths = []
    for seed in range(300):
        person = sample_person(rng(seed))
        words = [caption(person, rng(s)) for s in range(3)]
        lengths += [len(w.split()) for w in words]
        assert len(set(words)) == 3
        assert all(w.isascii() and w[0].isupper() and w.endswith(".") and "{" not in w for w in words)
    assert 15 < np.mean(lengths) < 40
    assert max(lengths) <= 50
    assert np.mean(np.array(lengths) < 12) < 0.12


def test_a_caption_says_only_what_is_true():
    colour = re.compile(r"\b(red|yellow|orange|pink|green)\b")
    for seed in range(200):
        person = sample_person(rng(seed))
        worn = {v for f, v in vars(person).items() if f.endswith("colour") or f == "accent"}
        assert set(colour.findall(caption(person, rng(seed)))) <= worn


def test_attribute_slots():
    for seed in range(50):
        person = sample_person(rng(seed))
        slots = attribute_slots(person).split(",")
        assert len(slots) == 6
        assert slots[0] in wardrobe.SEXES
        assert (slots[5] == "unknown") == (person.bag == "none")
        assert person.top_colour in slots[2]
