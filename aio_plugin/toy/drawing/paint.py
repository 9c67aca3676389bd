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


def _unit(colour: tuple[int, int, int]) -> ImageArray:
    return np.asarray(colour, dtype=np.float32) / np.float32(255)


def _fill(table: ImageArray, parts: dict[Label, ImageArray]) -> ImageArray:
    for label, value in parts.items():
        table[label] = value
    top, top2 = table[Label.TOP].copy(), table[Label.TOP2].copy()
    for label, value, factor in (
        (Label.SLEEVE, top, _SLEEVE),
        (Label.SLEEVE2, top2, _SLEEVE),
        (Label.SLEEVE_FAR, top, _FAR),
        (Label.SLEEVE_FAR2, top2, _FAR),
        (Label.SKIN_FAR, table[Label.SKIN], _FAR),
        (Label.BOTTOM_FAR, table[Label.BOTTOM], _FAR),
        (Label.BOTTOM_FAR2, table[Label.BOTTOM2], _FAR),
        (Label.SHOE_FAR, table[Label.SHOE], _FAR),
    ):
        table[label] = value * factor
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

    def cloth(name: str) -> ImageArray:
        return _unit(COLOURS[name])

    accent = cloth(person.accent)
    return _fill(
        np.zeros((len(Label), 3), dtype=np.float32),
        {
            Label.SKIN: _unit(SKINS[person.skin]),
            Label.FACE: np.full(3, 0.15, dtype=np.float32),
            Label.HAIR: _unit(HAIR_COLOURS[person.hair_colour]),
            Label.HAT: cloth(person.hat_colour),
            Label.TOP: cloth(person.top_colour),
            Label.TOP2: cloth(person.pattern_colour),
            Label.INNER: accent,
            Label.LOGO: accent,
            Label.BOTTOM: cloth(person.bottom_colour),
            Label.BOTTOM2: accent,
            Label.SHOE: cloth(person.shoes_colour),
            Label.SOLE: cloth("white"),
            Label.BAG: cloth(person.bag_colour),
        },
    )


def greys(person: ToyPerson) -> ImageArray:
    """(labels,) near-infrared reflectances in 0..1: of the materials, whatever the colours."""

    def grey(value: float) -> ImageArray:
        return np.asarray(value, dtype=np.float32)

    top, bottom = MATERIALS[person.top_material], MATERIALS[person.bottom_material]
    print_on_top = top.grey + (0.3 if top.grey < 0.5 else -0.3)
    return _fill(
        np.zeros(len(Label), dtype=np.float32),
        {
            Label.SKIN: grey(SKIN_GREY),
            Label.FACE: grey(0.3),
            Label.HAIR: grey(HAIR_GREY),
            Label.HAT: grey(MATERIALS[person.hat_material].grey),
            Label.TOP: grey(top.grey),
            Label.TOP2: grey(top.grey + top.pattern),
            Label.INNER: grey(print_on_top),
            Label.LOGO: grey(print_on_top),
            Label.BOTTOM: grey(bottom.grey),
            Label.BOTTOM2: grey(bottom.grey + bottom.pattern),
            Label.SHOE: grey(MATERIALS[person.shoes_material].grey),
            Label.SOLE: grey(0.85),
            Label.BAG: grey(MATERIALS[person.bag_material].grey),
        },
    )


def tones(person: ToyPerson) -> ImageArray:
    """(labels,) lightness in 0..1 as a pencil renders it; the paper is 1."""
    light = colours(person) @ np.asarray((0.30, 0.59, 0.11), dtype=np.float32)
    light[Label.SKIN] = light[Label.SKIN_FAR] = light[Label.BACKGROUND] = 1.0
    return light
