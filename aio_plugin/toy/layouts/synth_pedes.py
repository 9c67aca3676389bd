"""SYNTH-PEDES: many people, a few RGB photos each, captions and attributes by photo."""

from __future__ import annotations

from ..captions import attribute_slots, caption
from .plan import DatasetRandom, Plan

PARTS, PHOTOS = 4, 6


def plan_synth_pedes(ids: int, seed: int) -> Plan:
    """``ids`` people with six photos each, all for training."""
    random, plan = DatasetRandom("SYNTH-PEDES", seed), Plan("SYNTH-PEDES")
    records = []
    for pid, person in enumerate(random.people(ids)):
        part = 1 + pid * PARTS // ids
        cameras = random.shuffled(6)
        for photo in range(PHOTOS):
            path = f"Part{part}/{pid}/{photo}.jpg"
            plan.draw(path, person, "rgb", cameras[photo % 6], random.next_key())
            records.append(
                {
                    "id": pid,
                    "file_path": path,
                    "attributes": [attribute_slots(person)],
                    "captions": [caption(person, random.words) for _ in range(int(random.words.integers(2, 4)))],
                    "prompt_caption": [caption(person, random.words)],
                }
            )
    plan.json("synthpedes_dataset.json", records)
    return plan
