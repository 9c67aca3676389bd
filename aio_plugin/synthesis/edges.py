"""Sketches from RGB without a network: colour dodge, the pencil effect of drawing programs.

A stand-in where the weights of :mod:`aio_plugin.synthesis.lineart` are not at hand, and a deviation from AIO.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

PENCIL, SURROUNDINGS = 1 / 350, 1 / 100
"""Blurs, in heights of the image: the first takes the noise, the second is about half a line's width."""

OFFSET = 36.0
"""Added to grey levels before dividing, so that noise in dark clothes draws no lines."""

DARKEST, WHITEST = 0.75, 0.94
"""Ratios of a pixel to its surroundings that become black and white."""


def draw_edges(image: Image.Image) -> Image.Image:
    """The line drawing of ``image``, grey (mode L), dark on white, of the same size; always the same.

    A pixel is as dark as it is darker than its surroundings, in the channel where that is most so: edges
    between colours of equal grey are drawn too.
    """
    rgb = image.convert("RGB")
    pixels, around = _blur(rgb, max(0.6, PENCIL * rgb.height)), _blur(rgb, max(1.5, SURROUNDINGS * rgb.height))
    ratio = ((pixels + OFFSET) / (around + OFFSET)).min(axis=2)
    light = np.clip((ratio - DARKEST) / (WHITEST - DARKEST), 0, 1)
    return Image.fromarray((light * 255).round().astype(np.uint8))


def _blur(image: Image.Image, sigma: float) -> np.ndarray:
    return np.asarray(image.filter(ImageFilter.GaussianBlur(sigma)), dtype=np.float32)
