"""SYSU-MM01: RGB cameras 1, 2, 4, 5, infrared cameras 3, 6, and the official permutations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ..people import ToyPerson
from .plan import LOOK_ALIKES, Plan, test_people

RGB, IR = (1, 2, 4, 5), (3, 6)
RGB_SHOTS, IR_SHOTS, TRAIN_SHOTS = 10, 4, 2
"""Pictures of a person by a camera; ten, which a ten-shot gallery needs."""
TRIALS = 10


def plan_sysu_mm01(ids: int, seed: int) -> Plan:
    """A fifth of ``ids`` people to test, a tenth to train and validate, some numbers unused."""
    plan = Plan("SYSU-MM01", "SYSU-MM01", seed)
    n_train, n_val, n_test = max(6, ids // 12), max(2, ids // 40), test_people(ids)
    total = n_train + n_val + n_test
    among = total + 3
    order = [n + 1 for n in plan.shuffled(among)[:total]]
    people = plan.people(n_train + n_val) + plan.people(n_test, LOOK_ALIKES)
    counts = np.zeros((6, among), dtype=int)
    for k, (number, person) in enumerate(zip(order, people, strict=True)):
        counts[:, number - 1] = _shots(plan, k >= n_train + n_val)
        draw_person(plan, number, person, counts[:, number - 1])
    parts = {"train": order[:n_train], "val": order[n_train : n_train + n_val], "test": order[n_train + n_val :]}
    list_splits(plan, {**parts, "available": order})
    plan.mat("exp/rand_perm_cam.mat", {"rand_perm_cam": permutations(counts, plan.rng)})
    plan.folders += [f"SYSU-MM01/cam{camera}" for camera in range(1, 7)]
    return plan


def draw_person(plan: Plan, number: int, person: ToyPerson, counts: Iterable[int]) -> None:
    """Plans as many pictures of a person by each camera as ``counts`` (6,) says."""
    for camera, count in enumerate(counts, start=1):
        kind, by = ("ir", IR.index(camera)) if camera in IR else ("rgb", camera - 1)
        for k in range(count):
            plan.draw(f"cam{camera}/{number:04d}/{k + 1:04d}.jpg", person, kind, by)


def list_splits(plan: Plan, splits: Mapping[str, Iterable[int]]) -> None:
    """Plans the lists of the persons of every split."""
    for name, numbers in splits.items():
        plan.text(f"exp/{name}_id.txt", ",".join(map(str, sorted(numbers))) + "\n")


def permutations(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``rand_perm_cam``: (6, 1) cells of (people, 1) cells of (10, pictures) permutations from 1.

    Args:
        counts: (6, people) pictures by every camera.
    """
    cameras = np.empty((6, 1), dtype=object)
    for camera in range(6):
        cells = np.empty((counts.shape[1], 1), dtype=object)
        for k, count in enumerate(counts[camera]):
            rows = [rng.permutation(count) + 1 for _ in range(TRIALS)] if count else np.zeros((0, 0))
            cells[k, 0] = np.asarray(rows, dtype=np.uint8)
        cameras[camera, 0] = cells
    return cameras


def _shots(plan: Plan, test: bool) -> list[int]:
    """Pictures by each of the six cameras: two in five people have no indoor pictures."""
    indoor = plan.rng.random() < 0.6
    shots = []
    for camera in range(1, 7):
        full = TRAIN_SHOTS if not test else IR_SHOTS if camera in IR else RGB_SHOTS
        shots.append(0 if camera in (1, 2) and not indoor else full)
    return shots
