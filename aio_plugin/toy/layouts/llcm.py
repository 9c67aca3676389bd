"""LLCM: visible and near-infrared photos from nine places; no infrared at test place 3."""

from __future__ import annotations

from ..people import Person
from .plan import LOOK_ALIKES, Picture, Plan, Source

PLACES, SHOTS = 9, 4
EMPTY = ("nir", 3)


def plan(ids: int, seed: int) -> Plan:
    """Half of ``ids`` people to train, a tenth to test."""
    source, result = Source("LLCM", seed), Plan("LLCM")
    n_train, n_test = max(8, ids // 2), max(8, ids // 10)
    people = source.crowd(n_train) + source.crowd(n_test, LOOK_ALIKES)
    numbers = [int(n) + 1 for n in source.rng.permutation(n_train + n_test)]
    train = sorted(zip(numbers[:n_train], people[:n_train], strict=True), key=lambda pair: pair[0])
    test = sorted(zip(numbers[n_train:], people[n_train:], strict=True), key=lambda pair: pair[0])
    for modality in ("vis", "nir"):
        lines = [
            f"{p} {label}" for label, (n, who) in enumerate(train) for p in _shots(source, result, n, who, modality)
        ]
        result.text(f"idx/train_{modality}.txt", "\n".join(lines) + "\n")
        lines = [f"{p} {n}" for n, who in test for p in _shots(source, result, n, who, modality, "test_")]
        result.text(f"idx/test_{modality}.txt", "\n".join(lines) + "\n")
        result.folders += [f"LLCM/test_{modality}/cam{place + 1}" for place in range(PLACES)]
    result.text("idx/test_id.txt", ",".join(str(n) for n, _ in test) + "\n")
    return result


def _shots(source: Source, plan: Plan, number: int, person: Person, modality: str, split: str = "") -> list[str]:
    places = [place for place in range(1, PLACES + 1) if not split or (modality, place) != EMPTY]
    chosen = sorted(places[i] for i in source.rng.permutation(len(places))[:SHOTS])
    paths = []
    for place in chosen:
        folder = f"test_{modality}/cam{place}" if split else modality
        second, frame = 180000 + source.below(5000), source.below(9000)
        path = f"{folder}/{number:04d}/{number:04d}_c{place:02d}_s{second}_f{frame}_{modality}.jpg"
        kind, camera = ("rgb", (place - 1) % 6) if modality == "vis" else ("ir", (place - 1) % 3)
        plan.pictures.append(Picture(f"LLCM/{path}", person, kind, camera, source.next_key()))
        paths.append(path)
    return paths
