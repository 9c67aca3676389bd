"""People who appear in no toy dataset, for pre-training a small encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from .captions import caption
from .drawing.draw import draw_rgb
from .people import sample_person
from .scene import RGB_CAMERAS, WEB_CAMERAS, Camera

WEB, WORLD = 0x3E8, 0x3015
"""First words of the seeds of pre-training and of worlds, so that no person is in both."""


def sample_views(
    seed: int, n_rgb: int = 2, cameras: Sequence[Camera] = WEB_CAMERAS + RGB_CAMERAS
) -> tuple[list[Image.Image], str]:
    """Some RGB pictures of one person and a caption; the same for the same arguments.

    Args:
        seed: of the person and the pictures.
        n_rgb: number of pictures, each by another camera as far as there are any.
        cameras: to choose from. Without the surveillance cameras, what is pre-trained on the
            pictures meets the worlds' light for the first time.
    """
    rng = np.random.default_rng([WEB, seed])
    person = sample_person(rng)
    chosen = rng.permutation(len(cameras))
    images = [draw_rgb(person, cameras[int(chosen[i % len(cameras)])], rng) for i in range(n_rgb)]
    return images, caption(person, rng)
