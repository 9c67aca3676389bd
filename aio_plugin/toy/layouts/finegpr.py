"""FineGPR's subset and FineGPR-C: rendered people from every side, in every weather and light, and a caption each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ..domains import FINEGPR
from ..drawing.pose import Pose, sample_pose
from ..formulas import formula
from ..places import WILD
from ..weather import LIGHTS, WEATHERS, Air, through
from .plan import Picture, Plan, Source

SHOTS = 4
"""Pictures of a person: one from every side, whatever weather and light it is."""
FACING = {"front": ("front", 1), "right": ("side", 1), "back": ("back", -1), "left": ("side", -1)}
"""View and mirror of a pose, by the side that is seen; a quarter of a turn each, from 0 degrees."""
WILD_SCENES = (3, 5, 8)
SCENES = {
    number: dataclasses.replace(camera, style=WILD) if number in WILD_SCENES else camera
    for number, camera in enumerate(FINEGPR.cameras(9), start=1)
}


class Caption(NamedTuple):
    """What is said of an image."""

    image: str
    caption: str


def plan(ids: int, seed: int) -> Plan:
    """``ids`` people, four pictures and captions each; some numbers are nobody's.

    Captions come as the authors' dumps do; ``other_forms/`` has the same in the other forms that are in use.
    """
    source, result = Source("FineGPR", seed), Plan("FineGPR_Dataset")
    words = np.random.default_rng((*source.key, 0, 1))
    numbers = sorted(1 + int(n) for n in source.rng.permutation(2 * ids)[:ids])
    captions = []
    for number, person in zip(numbers, source.crowd(ids), strict=True):
        scene = 1 + source.below(len(SCENES))
        first = source.below(9)
        for quarter in range(SHOTS):
            view = 1 + first + 9 * quarter
            sky, weather = _drawn(source, WEATHERS)
            hour, light = _drawn(source, LIGHTS)
            name = f"{number:04d}_c{view:02d}_w{sky:02d}_l{hour:02d}_p{scene:02d}.jpg"
            camera = through(SCENES[scene], WEATHERS[weather], LIGHTS[light])
            path, pose = f"{result.folder}/FineGPR_subset/{name}", _pose(source, view)
            result.pictures.append(Picture(path, person, "rgb", camera, source.next_key(), pose))
            captions.append(Caption(name, formula(person, weather, light, _where(scene), facing(view), words)))
    for file, form in FORMS.items():
        result.text(file, form(captions))
    return result


def facing(view: int) -> str:
    """The side of a person that viewpoint 1 to 36 shows: 28 is the front, 1 the right, a quarter of a turn later."""
    angle = (90 + 10 * (view - 1)) % 360
    return list(FACING)[(angle + 45) // 90 % 4]


def _pose(source: Source, view: int) -> Pose:
    seen, mirror = FACING[facing(view)]
    return dataclasses.replace(sample_pose(source.rng), view=seen, mirror=mirror)


def _drawn(source: Source, airs: Mapping[str, Air]) -> tuple[int, str]:
    """The number, from 1, and the name of a weather or light."""
    k = source.below(len(airs))
    return k + 1, list(airs)[k]


def _where(scene: int) -> str:
    return "wild" if scene in WILD_SCENES else "urban"


def _dump(captions: list[Caption]) -> str:
    return "".join(f"ImageName:{image}, the caption is: {caption}\n" for image, caption in captions)


def _tabbed(captions: list[Caption]) -> str:
    return "".join(f"{image}\t{caption}\n" for image, caption in captions)


def _coco(captions: list[Caption]) -> str:
    images = [{"id": k, "file_name": caption.image} for k, caption in enumerate(captions)]
    said = [{"id": k, "image_id": k, "caption": caption.caption} for k, caption in enumerate(captions)]
    return json.dumps({"images": images, "annotations": said})


def _listed(captions: list[Caption]) -> str:
    return json.dumps([caption._asdict() for caption in captions])


FORMS: dict[str, Callable[[list[Caption]], str]] = {
    "FineGPR-C.txt": _dump,
    "other_forms/tabbed.tsv": _tabbed,
    "other_forms/coco.json": _coco,
    "other_forms/list.json": _listed,
}
"""The forms of the captions by the files that hold them."""
