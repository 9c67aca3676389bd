"""How a person stands before a camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

VIEWS = ("front", "back", "side")


@dataclass(frozen=True)
class Pose:
    """Facing, stride and place in the picture.

    Attributes:
        view: "front", "back" or "side".
        mirror: -1 or 1: a person seen from the side faces left or right; from the back, left and
            right change places.
        stride: -1..1, which leg is in front and how far.
        swing: -1..1, the same of the arms.
        lean: horizontal shear.
        scale: height of an average person, in picture heights.
        shift_x, shift_y: centre of the body off the centre of the picture, in picture sizes.
    """

    view: str
    mirror: int
    stride: float
    swing: float
    lean: float
    scale: float
    shift_x: float
    shift_y: float


def sample_pose(rng: np.random.Generator, calm: bool = False) -> Pose:
    """A random pose; ``calm`` is the upright, centred, frontal one that is mostly sketched."""
    spread = 0.3 if calm else 1.0
    view = VIEWS[int(np.searchsorted((0.7, 0.8, 1.01) if calm else (0.6, 0.82, 1.01), rng.random()))]
    return Pose(
        view=view,
        mirror=_mirror(view, rng),
        stride=float(rng.uniform(-1, 1)),
        swing=float(rng.uniform(-1, 1)),
        lean=float(rng.normal(0, 0.03 * spread)),
        scale=float(rng.uniform(0.86, 0.94)) if calm else float(rng.uniform(0.86, 0.98)),
        shift_x=float(rng.uniform(-0.08, 0.08)) * spread,
        shift_y=float(rng.uniform(-0.03, 0.03)) * spread,
    )


def _mirror(view: str, rng: np.random.Generator) -> int:
    faces_left = rng.random() < 0.5
    if view == "side":
        return -1 if faces_left else 1
    return 1 if view == "front" else -1
