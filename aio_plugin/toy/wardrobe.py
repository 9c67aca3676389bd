"""The values of every attribute of toy people, and how frequent each is, as ``wardrobe.yaml`` lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml


def read_table(name: str) -> dict[str, Any]:
    """A YAML file of this folder."""
    table: dict[str, Any] = yaml.safe_load((Path(__file__).parent / name).read_text(encoding="utf-8"))
    return table


class TopKind(NamedTuple):
    """An upper garment: its frequency, and the cuts it comes in."""

    weight: float
    lengths: Sequence[str]
    sleeves: Sequence[str]
    collars: Sequence[str]
    closures: Sequence[str]


class Material(NamedTuple):
    """A fabric in near infrared, whatever its colour.

    Attributes:
        grey: reflectance, 0..1.
        pattern: by how much the second colour of a pattern differs from the first; 0 hides the pattern.
    """

    grey: float
    pattern: float


_TABLE = read_table("wardrobe.yaml")

SEXES = ("woman", "man")
COLOURS: Mapping[str, Sequence[int]] = _TABLE["colours"]
"""Clothing colours as sRGB bytes."""
HAIR_COLOURS: Mapping[str, Sequence[int]] = _TABLE["hair_colours"]
"""Hair colours as sRGB bytes."""
SKINS: Sequence[Sequence[int]] = _TABLE["skins"]
"""Skin tones as sRGB bytes."""
FREQUENCIES: Mapping[str, Mapping[str, float]] = _TABLE["frequencies"]
"""Attribute -> value -> how frequent it is."""
TOPS = {name: TopKind(**kind) for name, kind in _TABLE["tops"].items()}
MATERIALS = {name: Material(**material) for name, material in _TABLE["materials"].items()}
"""Fabrics; a garment's fabric is drawn independently of its colour."""
