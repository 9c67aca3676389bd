"""Sentences about toy people as FineGPR-C makes them: attributes put into formulas, in another order each."""

from __future__ import annotations

import numpy as np

from .people import ToyPerson, pick
from .wardrobe import COLOURS

FORMULAS = (
    "A {sex} pedestrian with {hair} hair, {upper}, {lower}, {shoes}, {extras}, {weather} {scene} background at "
    "{light}, {view} view.",
    "At {light} in {weather} weather, a {sex} wearing {shoes}, {lower} and {upper} with {extras} is seen from "
    "the {view}.",
    "The {view} view of a {sex} who wears {cut} up{upper_colour} upper-body clothes and down{lower_colour} lower-body "
    "clothes and {shoes}, this person also has {hair} hair and {extras}, {weather}, {light}.",
    "This {sex} has {extras}, {hair} hair, {upper} and {lower}, with {shoes}, walking in a {scene} place in "
    "{weather} weather at {light}, {view} view.",
    "{weather}, {light}, {scene}: {view} view of a {sex} with {upper}, {lower}, {extras} and {shoes}.",
)
"""The orders in which the attributes come; as many words of weather, hour and viewpoint in each."""

SEXES = {"woman": "female", "man": "male"}
SHORT_HAIR = ("short", "cropped", "spiky", "bob")


def formula(person: ToyPerson, weather: str, light: str, scene: str, view: str, rng: np.random.Generator) -> str:
    """One sentence that says the same of every picture of the person, beside where and when it was taken.

    Args:
        weather, light, scene, view: words, such as "sunny", "noon", "urban" and "front".
    """
    upper = "dress" if person.in_dress else person.top
    lower = "bare legs" if person.in_dress else f"{person.bottom_colour} {person.bottom.split()[-1]}"
    said = pick(rng, FORMULAS).format(
        sex=SEXES[person.sex],
        hair="short" if person.hair in SHORT_HAIR else "long",
        cut="long" if person.sleeves == "long" else "short",
        upper=f"{person.top_colour} {upper}",
        lower=lower,
        upper_colour=person.top_colour,
        lower_colour=person.bottom_colour,
        shoes=f"{_tone(person.shoes_colour)} {'boots' if person.shoes == 'boots' else 'shoes'}",
        extras=f"{_whether(person.hat)} hat and {_whether(person.bag)} bag",
        weather=weather,
        light=light,
        scene=scene,
        view=view,
    )
    return f"{said[0].upper()}{said[1:]}"


def _whether(value: str) -> str:
    return "no" if value == "none" else "a"


def _tone(colour: str) -> str:
    return "light" if sum(COLOURS[colour]) > 1.5 * 255 else "dark"
