"""RandPerson's subset: rendered people in eleven scenes with nineteen cameras, all for training."""

from __future__ import annotations

from ..cameras import DOMAINS
from .plan import Plan

SCENES = (2, 2, 2, 2, 1, 1, 2, 1, 1, 1, 4)
"""How many cameras each scene has."""
CAMERAS = [(scene, at) for scene, count in enumerate(SCENES) for at in range(count)]
SHOTS = 5


def plan_randperson(ids: int, seed: int) -> Plan:
    """Half of ``ids`` people, five pictures by five cameras each; not all numbers are used."""
    plan = Plan("RandPerson", "RandPerson", seed)
    count = max(8, ids // 2)
    numbers = sorted(plan.shuffled(2 * count)[:count])
    cameras = DOMAINS["RANDPERSON"].cameras(len(CAMERAS))
    for number, person in zip(numbers, plan.people(count), strict=True):
        for k in sorted(plan.shuffled(len(CAMERAS))[:SHOTS]):
            path = f"randperson_subset/{picture_name(number, *CAMERAS[k], plan.below(400000))}"
            plan.draw(path, person, "rgb", cameras[k])
    return plan


def picture_name(number: int, scene: int, camera: int, frame: int) -> str:
    """Name of a picture of person ``number``."""
    return f"{number:06d}_s{scene:02d}_c{camera:02d}_f{frame:06d}.jpg"
