"""SYNTH-PEDES: many people, a few RGB photos each, captions and attributes by photo."""

from __future__ import annotations

import json

import numpy as np

from ..captions import attribute_slots, caption
from .plan import Picture, Plan, Source

PARTS, PHOTOS = 4, 6


def plan(ids: int, seed: int) -> Plan:
    """``ids`` people with six photos each, all for training."""
    source, result = Source("SYNTH-PEDES", seed), Plan("SYNTH-PEDES")
    words = np.random.default_rng((*source.key, 0, 1))
    records = []
    for pid, person in enumerate(source.crowd(ids)):
        part = 1 + pid * PARTS // ids
        cameras = source.rng.permutation(6)
        for photo in range(PHOTOS):
            path = f"Part{part}/{pid}/{photo}.jpg"
            result.pictures.append(
                Picture(f"{result.folder}/{path}", person, "rgb", int(cameras[photo % 6]), source.next_key())
            )
            records.append(
                {
                    "id": pid,
                    "file_path": path,
                    "attributes": [attribute_slots(person)],
                    "captions": [caption(person, words) for _ in range(int(words.integers(2, 4)))],
                    "prompt_caption": [caption(person, words)],
                }
            )
    result.text("synthpedes_dataset.json", json.dumps(records))
    return result
