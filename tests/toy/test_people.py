"""Toy people: they wear what exists, and shape alone tells them apart."""

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin.toy import wardrobe
from aio_plugin.toy.drawing.draw import SIZE, draw_labels
from aio_plugin.toy.people import ToyPerson, look_alike, sample_person

from .people import NOT_SHAPE, POSES, rng


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_a_person_wears_what_exists_and_a_look_alike_differs_in_one_thing(seed):
    person = sample_person(rng(seed))
    kind = wardrobe.TOPS[person.top]
    assert person.sleeves in kind.sleeves
    assert person.collar in kind.collars
    assert person.closure in kind.closures
    assert person.top_colour != person.pattern_colour
    assert (
        len({person.accent, person.top_colour, person.bottom_colour})
        == len({person.top_colour, person.bottom_colour}) + 1
    )
    other = look_alike(person, rng(seed))
    differ = [f.name for f in dataclasses.fields(ToyPerson) if getattr(person, f.name) != getattr(other, f.name)]
    assert len(differ) == 1
    assert not NOT_SHAPE & set(differ)


def test_look_alikes_can_be_told_apart_by_shape():
    for seed in range(80):
        person = sample_person(rng(seed))
        other = look_alike(person, rng(seed))
        seen = max(int((draw_labels(person, p, SIZE) != draw_labels(other, p, SIZE)).sum()) for p in POSES)
        assert seen >= 40, (person, other)  # label pixels; a picture pixel holds four


def test_shape_alone_identifies_nearly_everybody():
    people = [sample_person(rng(seed)) for seed in range(1000)]
    shapes = {
        tuple(
            getattr(p, f.name) for f in dataclasses.fields(ToyPerson) if f.name not in NOT_SHAPE | {"width", "height"}
        )
        for p in people
    }
    assert len(shapes) > 990


PAIRS = [(name, *pair) for name, table in wardrobe.FREQUENCIES.items() for pair in itertools.combinations(table, 2)]


@pytest.mark.parametrize(("name", "first", "second"), PAIRS)
def test_any_two_values_of_an_attribute_can_be_told_apart(name, first, second):
    base = dataclasses.replace(
        sample_person(rng(3)), hat="none", bottom="trousers", sleeves="long", closure="none", pattern="stripes"
    )
    one, two = dataclasses.replace(base, **{name: first}), dataclasses.replace(base, **{name: second})
    seen = max(int((draw_labels(one, p, SIZE) != draw_labels(two, p, SIZE)).sum()) for p in POSES)
    assert seen >= 40
