"""People who appear in no toy dataset, for pre-training a small encoder."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .captions import caption
from .draw import draw_rgb
from .people import sample_person
from .scene import RGB_CAMERAS, WEB_CAMERAS

WEB, WORLD = 0x3E8, 0x3015
"""First words of the seeds of pre-training people and of the people of worlds: two seed spaces."""


def sample_views(seed: int, n_rgb: int = 2) -> tuple[list[Image.Image], str]:
    """Some RGB pictures of one person by different cameras, and a caption; the same for the same ``seed``."""
    rng = np.random.default_rng([WEB, seed])
    person = sample_person(rng)
    cameras = WEB_CAMERAS + RGB_CAMERAS
    chosen = rng.permutation(len(cameras))
    images = [draw_rgb(person, cameras[int(chosen[i % len(cameras)])], rng) for i in range(n_rgb)]
    return images, caption(person, rng)
