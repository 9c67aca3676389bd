"""CUHK03 as extracted from its MATLAB file, boxes by hand and by a detector, and the new protocol's lists."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..cameras import DOMAINS
from ..drawing.pose import Pose, sample_pose
from ..people import ToyPerson
from .plan import LOOK_ALIKES, Plan, test_people

PAIRS, VIEWS, SHOTS, CELLS = 5, 2, 3, 5
"""Camera pairs, cameras of a pair, pictures of a person by each camera, and pictures that a MATLAB cell can hold."""
CAMERAS = DOMAINS["CUHK03"].cameras(PAIRS * VIEWS)
BOXES = ("labeled", "detected")
MISSED = 0.04
"""Share of the pictures after the first of a camera in which the detector finds no person."""


def plan_cuhk03_np(ids: int, seed: int) -> Plan:
    """A fifth of ``ids`` people to test, an eighth to train; one query by each camera of the pair."""
    plan = Plan("CUHK03", "cuhk03", seed)
    n_train, n_test = max(8, ids // 8), test_people(ids)
    people = plan.people(n_train) + plan.people(n_test, LOOK_ALIKES)
    rows: dict[str, list[ListedImage]] = {boxes: [] for boxes in BOXES}
    numbers = [0] * PAIRS
    for label, k in enumerate(plan.shuffled(len(people)), start=1):
        pair = plan.below(PAIRS)
        numbers[pair] += 1
        person = f"{pair + 1}_{numbers[pair]:03d}"
        for boxes, name, view, part in _draw(plan, people[k], person, pair, test=k >= n_train):
            rows[boxes].append(ListedImage(label, name, view, part))
    for boxes, images in rows.items():
        plan.mat(f"cuhk03_new_protocol_config_{boxes}.mat", new_protocol(images))
    return plan


class ListedImage(NamedTuple):
    """An image of the new protocol; ``part`` is "train", "query" or "gallery"."""

    label: int
    name: str
    view: int
    part: str


def new_protocol(images: Sequence[ListedImage]) -> dict[str, np.ndarray]:
    """The variables of a configuration of the new protocol; positions count from 1."""
    names = np.empty((len(images), 1), dtype=object)
    names[:, 0] = [image.name for image in images]
    columns = {"labels": [image.label for image in images], "camId": [image.view for image in images]}
    for part in ("train", "query", "gallery"):
        columns[f"{part}_idx"] = [position for position, image in enumerate(images, start=1) if image.part == part]
    return {"filelist": names} | {name: np.asarray(each, dtype=float)[:, None] for name, each in columns.items()}


def _draw(plan: Plan, person: ToyPerson, name: str, pair: int, test: bool) -> Iterator[tuple[str, str, int, str]]:
    """Plans the pictures of a person; yields boxes, name, view and part of each.

    Both boxes of a picture are drawn from the same seed.
    """
    for view in range(1, VIEWS + 1):
        query = plan.below(SHOTS) if test else -1
        for shot in range(SHOTS):
            key, pose = plan.next_key(), sample_pose(plan.rng)
            part = "query" if shot == query else "gallery" if test else "train"
            poses = {"labeled": pose, "detected": _detected(plan, pose)}
            if part != "query" and shot and plan.rng.random() < MISSED:
                del poses["detected"]
            for boxes, seen in poses.items():
                file = f"{name}_{view}_{CELLS * (view - 1) + shot + 1:02d}.png"
                plan.draw(f"images_{boxes}/{file}", person, "rgb", CAMERAS[VIEWS * pair + view - 1], seen, key)
                yield boxes, file, view, part


def _detected(plan: Plan, pose: Pose) -> Pose:
    """The pose in a detector's less accurate box."""
    shift_x, shift_y = plan.rng.normal(0, (0.08, 0.05))
    return dataclasses.replace(
        pose,
        scale=pose.scale * float(plan.rng.uniform(0.85, 1.2)),
        shift_x=pose.shift_x + float(shift_x),
        shift_y=pose.shift_y + float(shift_y),
    )
