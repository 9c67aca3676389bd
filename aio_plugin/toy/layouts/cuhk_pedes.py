"""CUHK-PEDES, and Tri-CUHK-PEDES: the same with a sketch drawn from every photo."""

from __future__ import annotations

import json
import re

import numpy as np

from ..captions import caption
from ..drawing.pose import sample_pose
from .plan import LOOK_ALIKES, Picture, Plan, Source, test_people

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
"""A sketch made from a photo has one of two tidy hands."""


def plan(ids: int, seed: int) -> Plan:
    """A fifth of ``ids`` people to test, fewer to train and validate; ids run from 1 through the splits."""
    source, result = Source("CUHK-PEDES", seed), Plan("CUHK-PEDES")
    words = np.random.default_rng((*source.key, 0, 1))
    sizes = {"train": max(8, ids // 8), "val": max(4, ids // 30), "test": test_people(ids)}
    records, pid, photo = [], 0, 0
    for split, size in sizes.items():
        for person in source.crowd(size, LOOK_ALIKES if split == "test" else 0.0):
            pid += 1
            for camera in source.rng.permutation(6)[: 3 + source.below(2)]:
                photo += 1
                path = FOLDERS[source.below(len(FOLDERS))].format(n=photo)
                pose = sample_pose(source.rng)
                for folder, kind, by in (
                    ("imgs", "rgb", int(camera)),
                    ("imgs-sketch2", "sketch", HANDS[source.below(len(HANDS))]),
                ):
                    result.pictures.append(
                        Picture(f"CUHK-PEDES/{folder}/{path}", person, kind, by, source.next_key(), pose)
                    )
                said = [caption(person, words) for _ in range(2)]
                tokens = [re.findall(r"[a-z0-9]+", sentence.lower()) for sentence in said]
                records.append(
                    {"split": split, "captions": said, "file_path": path, "processed_tokens": tokens, "id": pid}
                )
    result.text("reid_raw.json", json.dumps(records))
    return result
