"""CUHK03 as extracted from its MATLAB file, boxes by hand and by a detector, and the new protocol's lists."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..domains import CUHK03
from ..drawing.pose import Pose, sample_pose
from ..people import Person
from .matlab import mat
from .plan import LOOK_ALIKES, Picture, Plan, Source, test_people

PAIRS, VIEWS, SHOTS, CELLS = 5, 2, 3, 5
"""Camera pairs, cameras of a pair, pictures of a person by each, and how many its MATLAB cells would hold."""
CAMERAS = CUHK03.cameras(PAIRS * VIEWS)
BOXES = ("labeled", "detected")
MISSED = 0.04
"""Share of the pictures beyond the first of a camera in which the detector saw nobody."""


def plan(ids: int, seed: int) -> Plan:
    """A fifth of ``ids`` people to test, an eighth to train; one query by each camera of the pair."""
    source, result = Source("CUHK03", seed), Plan("cuhk03")
    n_train, n_test = max(8, ids // 8), test_people(ids)
    people = source.crowd(n_train) + source.crowd(n_test, LOOK_ALIKES)
    order = source.rng.permutation(len(people)).tolist()
    lists = {boxes: _Lists() for boxes in BOXES}
    numbers = [0] * PAIRS
    for label, k in enumerate(order, start=1):
        pair = source.below(PAIRS)
        numbers[pair] += 1
        who = f"{pair + 1}_{numbers[pair]:03d}"
        _person(source, result, lists, people[k], (who, pair, label), test=k >= n_train)
    for boxes, found in lists.items():
        result.files[f"cuhk03/cuhk03_new_protocol_config_{boxes}.mat"] = found.mat()
    return result


class _Lists:
    """What a configuration of the new protocol holds; positions count from 1."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.labels: list[int] = []
        self.cameras: list[int] = []
        self.parts: dict[str, list[int]] = {"train": [], "query": [], "gallery": []}

    def add(self, name: str, label: int, view: int, part: str) -> None:
        self.names.append(name)
        self.labels.append(label)
        self.cameras.append(view)
        self.parts[part].append(len(self.names))

    def mat(self) -> bytes:
        names = np.empty((len(self.names), 1), dtype=object)
        names[:, 0] = self.names
        columns = {"labels": self.labels, "camId": self.cameras}
        columns |= {f"{part}_idx": positions for part, positions in self.parts.items()}
        numbers = {name: np.asarray(column, dtype=float)[:, None] for name, column in columns.items()}
        return mat({"filelist": names, **numbers})


def _person(
    source: Source, plan: Plan, lists: dict[str, _Lists], person: Person, who: tuple[str, int, int], test: bool
) -> None:
    """The pictures of a person; the detector's box of one is of the same picture as the one drawn by hand."""
    name, pair, label = who
    for view in range(1, VIEWS + 1):
        query = source.below(SHOTS) if test else -1
        for shot in range(SHOTS):
            key, pose = source.next_key(), sample_pose(source.rng)
            part = "query" if shot == query else "gallery" if test else "train"
            poses = {"labeled": pose, "detected": _detected(pose, source)}
            if part != "query" and shot and source.rng.random() < MISSED:
                del poses["detected"]
            for boxes, seen in poses.items():
                file = f"{name}_{view}_{CELLS * (view - 1) + shot + 1:02d}.png"
                camera = CAMERAS[VIEWS * pair + view - 1]
                plan.pictures.append(Picture(f"cuhk03/images_{boxes}/{file}", person, "rgb", camera, key, seen))
                lists[boxes].add(file, label, view, part)


def _detected(pose: Pose, source: Source) -> Pose:
    """A box that does not sit as well."""
    shift_x, shift_y = source.rng.normal(0, (0.08, 0.05))
    return dataclasses.replace(
        pose,
        scale=pose.scale * float(source.rng.uniform(0.85, 1.2)),
        shift_x=pose.shift_x + float(shift_x),
        shift_y=pose.shift_y + float(shift_y),
    )
