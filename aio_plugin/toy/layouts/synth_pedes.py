"""SYNTH-PEDES: many people, a few RGB photos each, captions and attributes by photo."""

from __future__ import annotations

from ..captions import attribute_slots, caption
from .plan import Plan

PARTS, PHOTOS = 4, 6


def plan_synth_pedes(ids: int, seed: int) -> Plan:
    """``ids`` people with six photos each, all for training."""
    plan = Plan("SYNTH-PEDES", "SYNTH-PEDES", seed)
    records = []
    for pid, person in enumerate(plan.people(ids)):
        part = 1 + pid * PARTS // ids
        cameras = plan.shuffled(6)
        for photo in range(PHOTOS):
            path = f"Part{part}/{pid}/{photo}.jpg"
            plan.draw(path, person, "rgb", cameras[photo % 6])
            records.append(
                {
                    "id": pid,
                    "file_path": path,
                    "attributes": [attribute_slots(person)],
                    "captions": [caption(person, plan.words) for _ in range(int(plan.words.integers(2, 4)))],
                    "prompt_caption": [caption(person, plan.words)],
                }
            )
    plan.json("synthpedes_dataset.json", records)
    return plan
