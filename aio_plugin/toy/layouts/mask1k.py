"""Market-Sketch-1K: photos under Market-1501 names and sketches by six artists; "query" is the test split."""

from __future__ import annotations

from ..drawing.sketch import HANDS
from ..people import Person
from .plan import LOOK_ALIKES, Picture, Plan, Source

SKETCHED = 0.8
"""Share of the people whom an artist drew; everybody was drawn by A."""


def plan(ids: int, seed: int) -> Plan:
    """Half of ``ids`` people to train, a tenth to test."""
    source, result = Source("MaSk1K", seed), Plan("MaSk1K")
    n_train, n_test = max(8, ids // 2), max(8, ids // 10)
    numbers = [int(n) + 1 for n in source.rng.permutation(n_train + n_test)]
    for number, person in zip(numbers, source.crowd(n_train), strict=False):
        _person(source, result, number, person, "train", 4)
    for number, person in zip(numbers[n_train:], source.crowd(n_test, LOOK_ALIKES), strict=True):
        _person(source, result, number, person, "query", 3)
    return result


def _person(source: Source, plan: Plan, number: int, person: Person, split: str, photos: int) -> None:
    for camera in source.rng.permutation(6)[:photos]:
        name = f"{number:04d}_c{camera + 1}s1_{source.below(90000):06d}_{source.below(5):02d}.jpg"
        path = f"MaSk1K/photo/{split}/{name}"
        plan.pictures.append(Picture(path, person, "rgb", int(camera), source.next_key()))
    for hand in HANDS:
        if hand == "A" or source.rng.random() < SKETCHED:
            path = f"MaSk1K/sketch/{hand}/{split}/{number:04d}_{hand}.jpg"
            plan.pictures.append(Picture(path, person, "sketch", hand, source.next_key()))
