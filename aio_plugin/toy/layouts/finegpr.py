"""FineGPR's subset and FineGPR-C: rendered people from every side, in every weather and light, and a caption each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence

from ..cameras import DOMAINS, LIGHTS, WEATHERS, through
from ..captions import formula
from ..drawing.pose import sample_pose
from ..places import WILD
from .plan import Plan

SHOTS = 4
"""Pictures of a person: one from every side, each in random weather and light."""
FACING = {"front": ("front", 1), "right": ("side", 1), "back": ("back", -1), "left": ("side", -1)}
"""View and mirror of a pose, by the side that is seen; a quarter of a turn each, from 0 degrees."""
WILD_SCENES = (3, 5, 8)
SCENES = {
    number: dataclasses.replace(camera, style=WILD) if number in WILD_SCENES else camera
    for number, camera in enumerate(DOMAINS["FINEGPR"].cameras(9), start=1)
}


def plan_finegpr(ids: int, seed: int) -> Plan:
    """``ids`` people, four pictures and captions each; not all numbers are used.

    Captions have the form of the authors' dumps; ``other_forms/`` has them in the other forms in use.
    """
    plan = Plan("FineGPR", "FineGPR_Dataset", seed)
    numbers = sorted(1 + n for n in plan.shuffled(2 * ids)[:ids])
    captions = []
    for number, person in zip(numbers, plan.people(ids), strict=True):
        scene = 1 + plan.below(len(SCENES))
        first = plan.below(9)
        for quarter in range(SHOTS):
            view = 1 + first + 9 * quarter
            sky, hour = plan.below(len(WEATHERS)), plan.below(len(LIGHTS))
            weather, light = list(WEATHERS)[sky], list(LIGHTS)[hour]
            name = picture_name(number, view, sky + 1, hour + 1, scene)
            camera = through(SCENES[scene], WEATHERS[weather], LIGHTS[light])
            seen, mirror = FACING[facing(view)]
            pose = dataclasses.replace(sample_pose(plan.rng), view=seen, mirror=mirror)
            plan.draw(f"FineGPR_subset/{name}", person, "rgb", camera, pose)
            where = "wild" if scene in WILD_SCENES else "urban"
            captions.append((name, formula(person, weather, light, where, facing(view), plan.words)))
    for file, form in FORMS.items():
        plan.text(file, form(captions))
    return plan


def picture_name(number: int, view: int, weather: int, light: int, scene: int) -> str:
    """Name of a picture of person ``number``; all numbers count from 1."""
    return f"{number:04d}_c{view:02d}_w{weather:02d}_l{light:02d}_p{scene:02d}.jpg"


def facing(view: int) -> str:
    """The side of a person that viewpoint 1 to 36 shows.

    >>> [facing(view) for view in (28, 1, 10, 19)]
    ['front', 'right', 'back', 'left']
    """
    angle = (90 + 10 * (view - 1)) % 360
    return list(FACING)[(angle + 45) // 90 % 4]


def as_dump(captions: Sequence[tuple[str, str]]) -> str:
    """Lines of image and caption in the form of the authors' dumps."""
    return "".join(f"ImageName:{image}, the caption is: {caption}\n" for image, caption in captions)


def as_pairs(captions: Sequence[tuple[str, str]]) -> str:
    """Lines of image and caption."""
    return "".join(f"{image}\t{caption}\n" for image, caption in captions)


def as_coco(captions: Sequence[tuple[str, str]]) -> str:
    """COCO's captions."""
    images = [{"id": k, "file_name": image} for k, (image, _) in enumerate(captions)]
    annotations = [{"id": k, "image_id": k, "caption": caption} for k, (_, caption) in enumerate(captions)]
    return json.dumps({"images": images, "annotations": annotations})


def as_list(captions: Sequence[tuple[str, str]]) -> str:
    """A JSON list of objects."""
    return json.dumps([{"image": image, "caption": caption} for image, caption in captions])


FORMS: dict[str, Callable[[Sequence[tuple[str, str]]], str]] = {
    "FineGPR-C.txt": as_dump,
    "other_forms/tabbed.tsv": as_pairs,
    "other_forms/coco.json": as_coco,
    "other_forms/list.json": as_list,
}
"""File name -> form of the captions in it."""
