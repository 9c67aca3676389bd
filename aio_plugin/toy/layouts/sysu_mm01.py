"""SYSU-MM01: RGB cameras 1, 2, 4, 5, infrared cameras 3, 6, and the official permutations."""

from __future__ import annotations

import numpy as np

from ..people import Person
from .matlab import mat
from .plan import LOOK_ALIKES, Picture, Plan, Source, test_people

RGB, IR = (1, 2, 4, 5), (3, 6)
RGB_SHOTS, IR_SHOTS, TRAIN_SHOTS = 10, 4, 2
"""Pictures of a person by a camera; ten, so that a ten-shot gallery never falls short."""
TRIALS = 10


def plan(ids: int, seed: int) -> Plan:
    """A fifth of ``ids`` people to test, a tenth to train and validate, some numbers unused."""
    source, result = Source("SYSU-MM01", seed), Plan("SYSU-MM01")
    n_train, n_val, n_test = max(6, ids // 12), max(2, ids // 40), test_people(ids)
    total = n_train + n_val + n_test
    among = total + 3
    order = [int(n) + 1 for n in source.rng.permutation(among)[:total]]
    people = source.crowd(n_train + n_val) + source.crowd(n_test, LOOK_ALIKES)
    counts = np.zeros((6, among), dtype=int)
    for k, (number, person) in enumerate(zip(order, people, strict=True)):
        counts[:, number - 1] = _shots(source, k >= n_train + n_val)
        _draw(source, result, number, person, counts[:, number - 1])
    for name, low, high in (("train", 0, n_train), ("val", n_train, n_train + n_val), ("test", n_train + n_val, total)):
        result.text(f"exp/{name}_id.txt", ",".join(map(str, sorted(order[low:high]))) + "\n")
    result.text("exp/available_id.txt", ",".join(map(str, sorted(order))) + "\n")
    result.files["SYSU-MM01/exp/rand_perm_cam.mat"] = _permutations(source, counts)
    result.folders += [f"SYSU-MM01/cam{camera}" for camera in range(1, 7)]
    return result


def _shots(source: Source, test: bool) -> list[int]:
    """Pictures by each of the six cameras: two in five people never came indoors."""
    indoor = source.rng.random() < 0.6
    shots = []
    for camera in range(1, 7):
        full = TRAIN_SHOTS if not test else IR_SHOTS if camera in IR else RGB_SHOTS
        shots.append(0 if camera in (1, 2) and not indoor else full)
    return shots


def _draw(source: Source, plan: Plan, number: int, person: Person, counts: np.ndarray) -> None:
    for camera in range(1, 7):
        kind, by = ("ir", IR.index(camera)) if camera in IR else ("rgb", camera - 1)
        for k in range(int(counts[camera - 1])):
            path = f"SYSU-MM01/cam{camera}/{number:04d}/{k + 1:04d}.jpg"
            plan.pictures.append(Picture(path, person, kind, by, source.next_key()))


def _permutations(source: Source, counts: np.ndarray) -> bytes:
    """``rand_perm_cam``: (6, 1) cells of (people, 1) cells of (10, pictures) permutations from 1."""
    cameras = np.empty((6, 1), dtype=object)
    for camera in range(6):
        cells = np.empty((counts.shape[1], 1), dtype=object)
        for k, count in enumerate(counts[camera]):
            rows = [source.rng.permutation(count) + 1 for _ in range(TRIALS)] if count else np.zeros((0, 0))
            cells[k, 0] = np.asarray(rows, dtype=np.uint8)
        cameras[camera, 0] = cells
    return mat({"rand_perm_cam": cameras})
