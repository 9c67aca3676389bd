"""Market-Sketch-1K: photos under Market-1501 names and sketches by six artists; "query" is the test split."""

from __future__ import annotations

from ..drawing.sketch import HANDS
from ..people import ToyPerson
from .market1501 import box_name
from .plan import LOOK_ALIKES, Plan

SKETCHED = 0.8
"""Share of the people that an artist other than A draws; A draws all."""


def plan_mask1k(ids: int, seed: int) -> Plan:
    """Half of ``ids`` people to train, a tenth to test."""
    plan = Plan("MaSk1K", "MaSk1K", seed)
    n_train, n_test = max(8, ids // 2), max(8, ids // 10)
    numbers = [n + 1 for n in plan.shuffled(n_train + n_test)]
    for number, person in zip(numbers, plan.people(n_train), strict=False):
        _person(plan, number, person, "train", 4)
    for number, person in zip(numbers[n_train:], plan.people(n_test, LOOK_ALIKES), strict=True):
        _person(plan, number, person, "query", 3)
    return plan


def photo_path(split: str, number: int, camera: int, frame: int, box: int) -> str:
    """Path of a photo; ``split`` is "train" or "query", cameras count from 1."""
    return f"photo/{split}/{box_name(f'{number:04d}', camera, 1, frame, box)}"


def sketch_path(split: str, number: int, style: str) -> str:
    """Path of the sketch of a person by the artist ``style``."""
    return f"sketch/{style}/{split}/{number:04d}_{style}.jpg"


def _person(plan: Plan, number: int, person: ToyPerson, split: str, photos: int) -> None:
    for camera in plan.shuffled(6)[:photos]:
        path = photo_path(split, number, camera + 1, plan.below(90000), plan.below(5))
        plan.draw(path, person, "rgb", camera)
    for hand in HANDS:
        if hand == "A" or plan.rng.random() < SKETCHED:
            plan.draw(sketch_path(split, number, hand), person, "sketch", hand)
