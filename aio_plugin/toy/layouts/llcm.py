"""LLCM: visible and near-infrared photos from nine places; no infrared at test place 3."""

from __future__ import annotations

from collections.abc import Sequence

from ..people import ToyPerson
from .plan import LOOK_ALIKES, Plan

PLACES, SHOTS = 9, 4
EMPTY = ("nir", 3)


def plan_llcm(ids: int, seed: int) -> Plan:
    """Half of ``ids`` people to train, a tenth to test."""
    plan = Plan("LLCM", "LLCM", seed)
    n_train, n_test = max(8, ids // 2), max(8, ids // 10)
    people = plan.people(n_train) + plan.people(n_test, LOOK_ALIKES)
    numbers = [n + 1 for n in plan.shuffled(n_train + n_test)]
    train = sorted(zip(numbers[:n_train], people[:n_train], strict=True), key=lambda pair: pair[0])
    test = sorted(zip(numbers[n_train:], people[n_train:], strict=True), key=lambda pair: pair[0])
    for code in ("vis", "nir"):
        list_training(plan, code, [_photos(plan, n, person, code) for n, person in train])
        tested = [(n, path) for n, person in test for path in _photos(plan, n, person, code, test=True)]
        plan.lines(f"idx/test_{code}.txt", [f"{path} {n}" for n, path in tested])
        plan.folders += [f"LLCM/test_{code}/cam{place + 1}" for place in range(PLACES)]
    plan.text("idx/test_id.txt", ",".join(str(n) for n, _ in test) + "\n")
    return plan


def photo_path(code: str, number: int, place: int, second: int, frame: int, test: bool = False) -> str:
    """Path of a photo of person ``number``; ``code`` is "vis" or "nir"."""
    folder = f"test_{code}/cam{place}" if test else code
    return f"{folder}/{number:04d}/{number:04d}_c{place:02d}_s{second}_f{frame}_{code}.jpg"


def list_training(plan: Plan, code: str, persons: Sequence[Sequence[str]]) -> None:
    """Plans the list of the training photos; ``persons`` has the paths of each person."""
    plan.lines(f"idx/train_{code}.txt", [f"{path} {label}" for label, paths in enumerate(persons) for path in paths])


def _photos(plan: Plan, number: int, person: ToyPerson, code: str, test: bool = False) -> list[str]:
    places = [place for place in range(1, PLACES + 1) if not test or (code, place) != EMPTY]
    paths = []
    for place in sorted(places[i] for i in plan.shuffled(len(places))[:SHOTS]):
        second, frame = 180000 + plan.below(5000), plan.below(9000)
        paths.append(photo_path(code, number, place, second, frame, test))
        kind, camera = ("rgb", (place - 1) % 6) if code == "vis" else ("ir", (place - 1) % 3)
        plan.draw(paths[-1], person, kind, camera)
    return paths
