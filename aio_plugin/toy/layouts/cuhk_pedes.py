"""CUHK-PEDES, and Tri-CUHK-PEDES: the same with a sketch drawn from every photo."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..captions import caption
from ..drawing.pose import sample_pose
from .plan import LOOK_ALIKES, Plan, test_people

FOLDERS = (
    "CUHK01/{n:07d}.png",
    "CUHK03/{n:07d}.jpg",
    "Market/{n:04d}_c1s1_{n:06d}_00.jpg",
    "cam_a/{n:03d}_45.bmp",
    "cam_b/{n:03d}_90.bmp",
    "test_query/p{n}_s{n}.jpg",
    "train_query/p{n}_s{n}.jpg",
)
HANDS = "AE"
"""Styles of the sketches."""


def plan_cuhk_pedes(ids: int, seed: int) -> Plan:
    """A fifth of ``ids`` people to test, fewer to train and validate; ids run from 1 through the splits."""
    plan = Plan("CUHK-PEDES", "CUHK-PEDES", seed)
    sizes = {"train": max(8, ids // 8), "val": max(4, ids // 30), "test": test_people(ids)}
    records: list[dict[str, object]] = []
    pid = 0
    for split, size in sizes.items():
        for person in plan.people(size, LOOK_ALIKES if split == "test" else 0.0):
            pid += 1
            for camera in plan.shuffled(6)[: 3 + plan.below(2)]:
                path = FOLDERS[plan.below(len(FOLDERS))].format(n=len(records) + 1)
                pose = sample_pose(plan.rng)
                plan.draw(f"imgs/{path}", person, "rgb", camera, pose)
                hand = HANDS[plan.below(len(HANDS))]
                plan.draw(f"imgs-sketch2/{path}", person, "sketch", hand, pose)
                records.append(record(split, pid, path, [caption(person, plan.words) for _ in range(2)]))
    plan.json("reid_raw.json", records)
    return plan


def record(split: str, pid: int, path: str, captions: Sequence[str]) -> dict[str, object]:
    """The annotation of a photo."""
    tokens = [re.findall(r"[a-z0-9]+", sentence.lower()) for sentence in captions]
    return {"split": split, "captions": list(captions), "file_path": path, "processed_tokens": tokens, "id": pid}
