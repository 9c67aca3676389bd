"""Sentences about toy people: free descriptions and FineGPR-C's formulas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .people import ToyPerson, pick
from .wardrobe import COLOURS, read_table

_WORDS = read_table("captions.yaml")
FORMULAS: Sequence[str] = _WORDS["formulas"]
"""FineGPR-C's formulas: the attributes in different orders."""


def _say(rng: np.random.Generator, word: str) -> str:
    return pick(rng, _WORDS["synonyms"].get(word, (word,)))


def _a(phrase: str) -> str:
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _top(person: ToyPerson, rng: np.random.Generator) -> str:
    name = _say(rng, "dress") if person.in_dress else _say(rng, person.top)
    words = _a(f"{_say(rng, person.top_colour)} {name}")
    if person.pattern != "plain" and rng.random() < 0.8:
        words += " " + pick(rng, _WORDS["patterns"][person.pattern]).format(c=_say(rng, person.pattern_colour))
    if person.logo != "none" and rng.random() < 0.7:
        words += " " + pick(rng, _WORDS["logos"]).format(c=_say(rng, person.accent), l=person.logo)
    elif person.closure == "open" and rng.random() < 0.6:
        words += f" open over {_say(rng, person.accent)}"
    return words


def _bottom(person: ToyPerson, rng: np.random.Generator) -> str:
    words = f"{_say(rng, person.bottom_colour)} {_say(rng, person.bottom)}"
    if "skirt" in person.bottom:
        words = _a(words)
    if person.bottom_pattern != "plain" and rng.random() < 0.7:
        pattern = {"checks": "checks", "stripes": "stripes"}.get(person.bottom_pattern, "stripes at the sides")
        words += f" with {_say(rng, person.accent)} {pattern}"
    return words


def _hair(person: ToyPerson, rng: np.random.Generator) -> str:
    words = _say(rng, person.hair)
    for noun in ("hair in", "long", "cropped", "curly", "spiky", "short hair", "hair"):
        if words.startswith(noun):
            return f"{person.hair_colour} {words}"
    return words


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def caption(person: ToyPerson, rng: np.random.Generator) -> str:
    """One English description, about 15 to 40 words; every attribute but the top may be missing.

    >>> from aio_plugin.toy.people import sample_person
    >>> print(caption(sample_person(np.random.default_rng(1)), np.random.default_rng(2)))
    This slim man has brown long hair. He is wearing a pink t-shirt, ...
    """
    worn = [_top(person, rng)]
    if not person.in_dress and rng.random() < 0.9:
        worn.append(_bottom(person, rng))
    if rng.random() < 0.6:
        worn.append(f"{_say(rng, person.shoes_colour)} {_say(rng, person.shoes)}")
    if person.hat != "none" and rng.random() < 0.8:
        worn.append(_a(f"{_say(rng, person.hat_colour)} {_say(rng, person.hat)}"))
    worn = [worn[i] for i in rng.permutation(len(worn))]
    clauses = [f"{pick(rng, _WORDS['verbs'])} {_join(worn)}"]
    if rng.random() < 0.75:
        clauses.append(f"has {_hair(person, rng)}")
    if person.bag != "none" and rng.random() < 0.85:
        carries = pick(rng, _WORDS["carries"])
        bag = f"{_say(rng, person.bag_colour)} {_say(rng, person.bag)}"
        clauses.append(f"{carries} {_a(bag)}")
    elif person.bag == "none" and rng.random() < 0.25:
        clauses.append(pick(rng, _WORDS["no_bag"]))
    clauses = [clauses[i] for i in rng.permutation(len(clauses))]
    return _sentences(person, clauses, rng)


def _sentences(person: ToyPerson, clauses: list[str], rng: np.random.Generator) -> str:
    build = pick(rng, ("slim ",) if person.width < 0.92 else ("broad ", "stout ") if person.width > 1.14 else ("",))
    who = f"{build if rng.random() < 0.5 else ''}{_say(rng, person.sex)}"
    pronoun = "She" if person.sex == "woman" else "He"
    if len(clauses) > 1 and rng.random() < 0.6:
        cut = int(rng.integers(1, len(clauses)))
        first, second = clauses[:cut], clauses[cut:]
        return f"{pick(rng, ('A', 'This'))} {who} {_join(first)}. {pronoun} {_join(second)}.".replace("A o", "An o")
    return f"{pick(rng, ('A', 'The', 'This'))} {who} {_join(clauses)}."


def attribute_slots(person: ToyPerson) -> str:
    """Sex, hair, top, bottom, shoes and bag as one comma string, as SYNTH-PEDES has them."""
    top = f"{person.top_colour} {'dress' if person.in_dress else person.top}"
    bottom = "unknown" if person.in_dress else f"{person.bottom_colour} {person.bottom}"
    bag = "unknown" if person.bag == "none" else f"{person.bag_colour} {person.bag}"
    hair = f"{person.hair_colour} hair" if person.hat == "none" else "unknown"
    return ",".join((person.sex, hair, top, bottom, f"{person.shoes_colour} {person.shoes}", bag))


_SEXES = {"woman": "female", "man": "male"}
_SHORT_HAIR = ("short", "cropped", "spiky", "bob")


def formula(person: ToyPerson, weather: str, light: str, scene: str, view: str, rng: np.random.Generator) -> str:
    """A sentence by one of the formulas.

    Args:
        weather, light, scene, view: words, such as "sunny", "noon", "urban" and "front".
    """
    upper = "dress" if person.in_dress else person.top
    lower = "bare legs" if person.in_dress else f"{person.bottom_colour} {person.bottom.split()[-1]}"
    said = pick(rng, FORMULAS).format(
        sex=_SEXES[person.sex],
        hair="short" if person.hair in _SHORT_HAIR else "long",
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
