"""Toy people with random attributes, and look-alikes who differ in one attribute."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from .wardrobe import COLOURS, FREQUENCIES, HAIR_COLOURS, MATERIALS, SEXES, SKINS, TOPS

WEB, WORLD = 0x3E8, 0x3015
"""First words of the seeds of pre-training and of worlds, so that no person is in both."""


@dataclass(frozen=True)
class ToyPerson:
    """The visible attributes of a person; values are those of :mod:`.wardrobe`.

    Attributes:
        seed: of the person; shared by look-alikes alone.
        height, width: build relative to the average.
        accent: colour of logo, inner shirt, collar and trouser stripe.
    """

    seed: int
    sex: str
    height: float
    width: float
    skin: int
    hair: str
    hair_colour: str
    hat: str
    hat_colour: str
    top: str
    length: str
    sleeves: str
    collar: str
    closure: str
    logo: str
    top_colour: str
    pattern: str
    pattern_size: str
    pattern_colour: str
    accent: str
    bottom: str
    bottom_colour: str
    bottom_pattern: str
    shoes: str
    shoes_colour: str
    bag: str
    bag_colour: str
    hat_material: str
    top_material: str
    bottom_material: str
    shoes_material: str
    bag_material: str

    @property
    def in_dress(self) -> bool:
        """Whether one garment covers top and bottom."""
        return self.bottom == "dress"


def pick(rng: np.random.Generator, values: Iterable[str]) -> str:
    """One of ``values``: by weight if they are a mapping to weights, else uniformly."""
    names = list(values)
    weights = list(values.values()) if isinstance(values, Mapping) else [1.0] * len(names)
    return names[int(np.searchsorted(np.cumsum(weights), rng.random() * sum(weights), side="right"))]


def _other(rng: np.random.Generator, values: Iterable[str], *taken: str) -> str:
    return pick(rng, [value for value in values if value not in taken])


def sample_person(rng: np.random.Generator) -> ToyPerson:
    """A person drawn from ``rng``."""
    sex = pick(rng, SEXES)
    bottoms = dict(FREQUENCIES["bottom"])
    if sex == "man":
        for name in ("skirt", "long skirt", "dress"):
            del bottoms[name]
    bottom = pick(rng, bottoms)
    tops = {name: kind.weight for name, kind in TOPS.items()}
    top = pick(rng, ("t-shirt", "tank top", "shirt")) if bottom == "dress" else pick(rng, tops)
    kind = TOPS[top]
    length = "waist" if bottom == "dress" else pick(rng, kind.lengths)
    closure = pick(rng, kind.closures)
    pattern = pick(rng, FREQUENCIES["pattern"])
    if pattern == "raglan" and "none" in kind.sleeves:
        pattern = "half"
    has_logo = closure == "none" and pattern in ("plain", "raglan", "sides")
    top_colour = pick(rng, tuple(COLOURS))
    pattern_colour = _other(rng, COLOURS, top_colour)
    bottom_colour = top_colour if bottom == "dress" else pick(rng, tuple(COLOURS))
    fabrics = [pick(rng, tuple(MATERIALS)) for _ in range(5)]
    return ToyPerson(
        seed=int(rng.integers(2**31)),
        sex=sex,
        height=round(float(rng.uniform(0.90, 1.06)), 3),
        width=round(float(rng.uniform(0.84, 1.22)), 3),
        skin=int(rng.integers(len(SKINS))),
        hair=pick(rng, FREQUENCIES["hair"]),
        hair_colour=pick(rng, tuple(HAIR_COLOURS)),
        hat=pick(rng, FREQUENCIES["hat"]),
        hat_colour=pick(rng, tuple(COLOURS)),
        top=top,
        length=length,
        sleeves=pick(rng, kind.sleeves),
        collar=pick(rng, kind.collars),
        closure=closure,
        logo=pick(rng, FREQUENCIES["logo"]) if has_logo else "none",
        top_colour=top_colour,
        pattern=pattern,
        pattern_size=pick(rng, FREQUENCIES["pattern_size"]),
        pattern_colour=pattern_colour,
        accent=_other(rng, COLOURS, top_colour, pattern_colour, bottom_colour),
        bottom=bottom,
        bottom_colour=bottom_colour,
        bottom_pattern="plain" if bottom == "dress" else pick(rng, FREQUENCIES["bottom_pattern"]),
        shoes=pick(rng, FREQUENCIES["shoes"]),
        shoes_colour=pick(rng, tuple(COLOURS)),
        bag=pick(rng, FREQUENCIES["bag"]),
        bag_colour=pick(rng, tuple(COLOURS)),
        hat_material=fabrics[0],
        top_material=fabrics[1],
        bottom_material=fabrics[2],
        shoes_material=fabrics[3],
        bag_material=fabrics[4],
    )


def _alternatives(person: ToyPerson) -> dict[str, list[str]]:
    """Other values of the attributes that are visible in every modality."""
    kind = TOPS[person.top]
    lower = ("skirt", "long skirt") if "skirt" in person.bottom else ("trousers", "wide trousers", "shorts")
    values: dict[str, Iterable[str]] = {
        "hair": FREQUENCIES["hair"] if person.hat == "none" else (),
        "hat": FREQUENCIES["hat"],
        "pattern": ("stripes", "checks", "dots", "diagonal", "half") if person.pattern != "plain" else (),
        "bottom": () if person.in_dress else lower,
        "bottom_pattern": () if person.in_dress else FREQUENCIES["bottom_pattern"],
        "sleeves": kind.sleeves,
        "length": () if person.in_dress else kind.lengths,
        "logo": FREQUENCIES["logo"] if person.logo != "none" else (),
        "bag": FREQUENCIES["bag"],
    }
    others = {name: [v for v in options if v != getattr(person, name)] for name, options in values.items()}
    return {name: options for name, options in others.items() if options}


def look_alike(person: ToyPerson, rng: np.random.Generator) -> ToyPerson:
    """A person who differs from ``person`` in exactly one attribute, one of shape.

    Shape and not colour, so that infrared and sketches can tell the two apart too.
    """
    options = _alternatives(person)
    name = pick(rng, options.keys())
    return dataclasses.replace(person, **{name: pick(rng, options[name])})  # type: ignore[arg-type]
