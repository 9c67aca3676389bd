"""The values of every attribute of toy people, and how frequent each is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Frequencies = Mapping[str, float]

COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (32, 32, 36),
    "white": (236, 236, 232),
    "grey": (132, 134, 136),
    "red": (196, 38, 40),
    "blue": (42, 84, 190),
    "green": (44, 132, 62),
    "yellow": (230, 204, 54),
    "orange": (228, 122, 36),
    "purple": (122, 56, 152),
    "pink": (232, 138, 170),
    "brown": (112, 72, 42),
    "navy": (26, 34, 84),
}
"""Clothing colours as sRGB bytes."""

HAIR_COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (30, 26, 26),
    "brown": (92, 58, 34),
    "blond": (214, 180, 104),
    "red": (158, 70, 30),
    "grey": (148, 146, 144),
}
"""Hair colours as sRGB bytes."""

SKINS: tuple[tuple[int, int, int], ...] = ((240, 208, 180), (216, 172, 136), (164, 116, 84), (104, 70, 50))
"""Skin tones as sRGB bytes."""

SEXES = ("woman", "man")

HAIR: Frequencies = {
    "short": 3,
    "cropped": 2,
    "long": 3,
    "ponytail": 2,
    "bun": 2,
    "bob": 2,
    "curly": 2,
    "spiky": 2,
}
"""Hair styles; "curly" is a large round one, "cropped" shows most of the skull."""

HATS: Frequencies = {"none": 6, "cap": 2, "beanie": 1.5, "sun hat": 1.5}
LOGOS: Frequencies = {"none": 3, "circle": 1, "square": 1, "triangle": 1, "cross": 1, "bar": 1}
PATTERNS: Frequencies = {
    "plain": 3,
    "stripes": 1.5,
    "pinstripes": 1,
    "checks": 1.5,
    "dots": 1.5,
    "diagonal": 1.2,
    "half": 1.2,
    "sides": 1,
    "raglan": 1,
}
"""Upper patterns: "half" is two blocks above one another, "sides" beside one another, "raglan" other sleeves."""

PATTERN_SIZES: Frequencies = {"fine": 1, "bold": 1}
BOTTOMS: Frequencies = {"trousers": 4, "wide trousers": 2, "shorts": 2.5, "skirt": 2, "long skirt": 1.5, "dress": 1.5}
BOTTOM_PATTERNS: Frequencies = {"plain": 5, "side stripe": 1.5, "checks": 1.5, "stripes": 1}
SHOES: Frequencies = {"shoes": 2, "trainers": 2, "boots": 2}
BAGS: Frequencies = {"none": 3, "backpack": 2.5, "shoulder bag": 2, "handbag": 2, "suitcase": 1.5}


class TopKind(NamedTuple):
    """An upper garment and the cuts it comes in."""

    weight: float
    lengths: tuple[str, ...]
    sleeves: tuple[str, ...]
    collars: tuple[str, ...]
    closures: tuple[str, ...]


TOPS: dict[str, TopKind] = {
    "t-shirt": TopKind(3, ("waist", "hip"), ("short",), ("round", "v-neck"), ("none",)),
    "tank top": TopKind(1.5, ("waist", "hip"), ("none",), ("round", "v-neck"), ("none",)),
    "shirt": TopKind(2, ("waist", "hip"), ("short", "long"), ("collar",), ("buttons",)),
    "jumper": TopKind(2, ("waist", "hip"), ("long",), ("round", "v-neck", "high"), ("none",)),
    "hoodie": TopKind(1.5, ("waist", "hip"), ("long",), ("hood",), ("none", "zip")),
    "jacket": TopKind(2, ("waist", "hip"), ("long",), ("collar", "high"), ("zip", "open")),
    "coat": TopKind(2, ("thigh", "knee"), ("long",), ("collar", "high", "hood"), ("buttons", "open", "zip")),
}
"""Upper garments and their cuts."""


class Material(NamedTuple):
    """A fabric in near infrared, whatever its colour."""

    grey: float
    """Reflectance, 0..1."""
    pattern: float
    """By how much the second colour of a pattern differs from the first; 0 hides the pattern."""


MATERIALS: dict[str, Material] = {
    "cotton": Material(0.84, -0.24),
    "wool": Material(0.66, -0.34),
    "denim": Material(0.50, 0.30),
    "nylon": Material(0.36, 0.36),
    "linen": Material(0.74, -0.30),
    "leather": Material(0.20, 0.26),
}
"""Fabrics; a garment's fabric is drawn independently of its colour."""
