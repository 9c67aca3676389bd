"""Colour, infrared grey and pencil tone of every label."""

from __future__ import annotations

import numpy as np

from ..people import ToyPerson
from ..scene import ImageArray
from ..wardrobe import COLOURS, HAIR_COLOURS, MATERIALS, SKINS
from .canvas import Label

SKIN_GREY, HAIR_GREY = 0.80, 0.42
"""Near-infrared reflectance of every skin and every hair: melanin is hardly visible there."""

_FAR, _SLEEVE, _DETAIL = 0.80, 0.92, 0.30


def _apart(colour: ImageArray, by: float) -> ImageArray:
    """A darker tone of ``colour``, or a lighter one if it is dark."""
    return colour * (1 - by) if float(colour.mean()) > 0.35 else colour + (1 - colour) * by


_PAINTED = [Label.SKIN, Label.FACE, Label.HAIR, Label.HAT, Label.TOP, Label.TOP2, Label.INNER, Label.LOGO]
_PAINTED += [Label.BOTTOM, Label.BOTTOM2, Label.SHOE, Label.SOLE, Label.BAG]
"""The labels that have a colour of their own; those of the others are derived from them."""


def _table(values: ImageArray) -> ImageArray:
    """(labels, ...) the value of every label, from those of ``_PAINTED``."""
    table = np.zeros((len(Label), *values.shape[1:]), dtype=np.float32)
    table[_PAINTED] = values
    for label, base, factor in (
        (Label.SLEEVE, Label.TOP, _SLEEVE),
        (Label.SLEEVE2, Label.TOP2, _SLEEVE),
        (Label.SLEEVE_FAR, Label.TOP, _FAR),
        (Label.SLEEVE_FAR2, Label.TOP2, _FAR),
        (Label.SKIN_FAR, Label.SKIN, _FAR),
        (Label.BOTTOM_FAR, Label.BOTTOM, _FAR),
        (Label.BOTTOM_FAR2, Label.BOTTOM2, _FAR),
        (Label.SHOE_FAR, Label.SHOE, _FAR),
    ):
        table[label] = table[base] * factor
    for label, base in (
        (Label.SEAM, Label.TOP),
        (Label.STRAP, Label.BAG),
        (Label.BAG_DETAIL, Label.BAG),
        (Label.HAT_BAND, Label.HAT),
    ):
        table[label] = _apart(table[base], _DETAIL)
    return np.clip(table, 0.0, 1.0)


def colours(person: ToyPerson) -> ImageArray:
    """(labels, 3) sRGB colours in 0..1."""
    accent = COLOURS[person.accent]
    upper = [COLOURS[name] for name in (person.hat_colour, person.top_colour, person.pattern_colour)]
    lower = [COLOURS[name] for name in (person.shoes_colour, "white", person.bag_colour)]
    face, hair, bottom = [0.15 * 255] * 3, HAIR_COLOURS[person.hair_colour], COLOURS[person.bottom_colour]
    values = [SKINS[person.skin], face, hair, *upper, accent, accent, bottom, accent, *lower]
    return _table(np.asarray(values, dtype=np.float32) / np.float32(255))


def greys(person: ToyPerson) -> ImageArray:
    """(labels,) near-infrared reflectances in 0..1: of the materials, whatever the colours."""
    top, bottom = MATERIALS[person.top_material], MATERIALS[person.bottom_material]
    names = (person.hat_material, person.shoes_material, person.bag_material)
    hat, shoes, bag = (MATERIALS[name].grey for name in names)
    logo = top.grey + (0.3 if top.grey < 0.5 else -0.3)
    cloth = [hat, top.grey, top.grey + top.pattern, logo, logo, bottom.grey, bottom.grey + bottom.pattern]
    return _table(np.asarray([SKIN_GREY, 0.3, HAIR_GREY, *cloth, shoes, 0.85, bag], dtype=np.float32))


def tones(person: ToyPerson) -> ImageArray:
    """(labels,) lightness in 0..1 as a pencil renders it; the paper is 1."""
    light = colours(person) @ np.asarray((0.30, 0.59, 0.11), dtype=np.float32)
    light[Label.SKIN] = light[Label.SKIN_FAR] = light[Label.BACKGROUND] = 1.0
    return light
