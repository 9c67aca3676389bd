"""Pencil drawings of label maps, in several styles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ..scene import ImageArray, smooth_noise
from .canvas import SUPERSAMPLING, Labels


@dataclass(frozen=True)
class Hand:
    """A drawing style.

    Attributes:
        width: of a line, in picture pixels: 1 is fine, 2 is bold.
        wobble: how far a line strays, in picture pixels.
        tone: 0 leaves dark clothes white, 1 fills them.
        hatch: shades with strokes instead of evenly.
        gaps: share of a line that is left out.
        strokes: how often a line is drawn.
        stretch: width of the bodies drawn, relative to the true.
        ink: 0 is black, 1 is white.
    """

    width: int
    wobble: float
    tone: float
    hatch: bool
    gaps: float
    strokes: int
    stretch: float
    ink: float


HANDS: dict[str, Hand] = {
    "A": Hand(1, 0.6, 0.0, False, 0.00, 1, 1.00, 0.10),
    "B": Hand(2, 0.9, 0.45, False, 0.00, 1, 1.05, 0.05),
    "C": Hand(1, 1.3, 0.80, True, 0.05, 2, 0.96, 0.20),
    "D": Hand(2, 1.4, 0.0, False, 0.15, 1, 1.08, 0.25),
    "E": Hand(1, 0.8, 0.70, False, 0.10, 1, 0.94, 0.30),
    "F": Hand(1, 1.8, 0.55, True, 0.10, 2, 1.00, 0.00),
}
"""The drawing styles of all toy sketches, by their letter in Market-Sketch-1K."""


def _stray(labels: Labels, wobble: float, rng: np.random.Generator) -> Labels:
    """The labels, moved by smooth noise."""
    height, width = labels.shape
    reach = wobble * SUPERSAMPLING * height / (128 * SUPERSAMPLING)
    dx = np.rint(smooth_noise((width, height), (6, 12), rng) * reach).astype(np.intp)
    dy = np.rint(smooth_noise((width, height), (6, 12), rng) * reach).astype(np.intp)
    rows = np.clip(np.arange(height)[:, None] + dy, 0, height - 1)
    columns = np.clip(np.arange(width)[None, :] + dx, 0, width - 1)
    moved: Labels = labels[rows, columns]
    return moved


def _outline(labels: Labels, width: int) -> NDArray[np.bool_]:
    edges = np.zeros(labels.shape, dtype=bool)
    edges[:, 1:] = labels[:, 1:] != labels[:, :-1]
    edges[1:] |= labels[1:] != labels[:-1]
    if width > 1:
        edges[:, 1:] |= edges[:, :-1]
        edges[1:] |= edges[:-1]
    return edges


def _shade(labels: Labels, tones: ImageArray, hand: Hand, rng: np.random.Generator) -> ImageArray:
    light = 1 - hand.tone * (1 - tones[labels]) * 0.8
    if not hand.hatch:
        return light
    height, width = labels.shape
    slope = 1 if rng.random() < 0.7 else -1
    strokes = np.mod(np.arange(height)[:, None] + slope * np.arange(width)[None, :], 8) < 3
    return np.where(strokes & (light < 0.72), light, np.float32(1))


def draw_lines(labels: Labels, tones: ImageArray, hand: Hand, rng: np.random.Generator) -> Image.Image:
    """A pencil drawing of ``labels`` (2 H, 2 W) on white paper, as an RGB picture (H, W).

    Args:
        tones: lightness of every label, 0..1.
    """
    height, width = labels.shape
    light = None
    for _ in range(hand.strokes):
        moved = _stray(labels, hand.wobble, rng)
        if light is None:
            light = _shade(moved, tones, hand, rng)
        lines = _outline(moved, hand.width)
        if hand.gaps:
            lines &= smooth_noise((width, height), (12, 24), rng) > 2 * hand.gaps - 1
        light = np.where(lines, np.float32(hand.ink), light)
    assert light is not None
    image = Image.fromarray((light * 255).astype(np.uint8)).reduce(SUPERSAMPLING)
    return image.filter(ImageFilter.GaussianBlur(0.3)).convert("RGB")
