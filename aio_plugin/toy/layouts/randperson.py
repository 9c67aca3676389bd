"""RandPerson's subset: rendered people in eleven scenes with nineteen cameras, all for training."""

from __future__ import annotations

from ..domains import RANDPERSON
from .plan import Picture, Plan, Source

SCENES = (2, 2, 2, 2, 1, 1, 2, 1, 1, 1, 4)
"""How many cameras each scene has."""
CAMERAS = [(scene, at) for scene, count in enumerate(SCENES) for at in range(count)]
SHOTS = 5


def plan(ids: int, seed: int) -> Plan:
    """Half of ``ids`` people, five pictures by five cameras each; some numbers are nobody's."""
    source, result = Source("RandPerson", seed), Plan("RandPerson")
    count = max(8, ids // 2)
    numbers = sorted(int(n) for n in source.rng.permutation(2 * count)[:count])
    cameras = RANDPERSON.cameras(len(CAMERAS))
    for number, person in zip(numbers, source.crowd(count), strict=True):
        for k in sorted(source.rng.permutation(len(CAMERAS))[:SHOTS].tolist()):
            scene, at = CAMERAS[k]
            name = f"{number:06d}_s{scene:02d}_c{at:02d}_f{source.below(400000):06d}.jpg"
            path = f"RandPerson/randperson_subset/{name}"
            result.pictures.append(Picture(path, person, "rgb", cameras[k], source.next_key()))
    return result
