"""The places that cameras look at."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = (176, 208)
"""Width and height of a place, in pixels; a picture shows a part."""

STREET, RENDERED, WILD = "street", "rendered", "wild"
"""Styles: a photographed street, a rendered street, a rendered meadow with trees."""

Pen = ImageDraw.ImageDraw
Colour = tuple[int, int, int]


@functools.lru_cache(maxsize=128)
def place(seed: int, style: str = STREET) -> Image.Image:
    """The RGB place of ``seed``."""
    rng = np.random.default_rng([seed, 0x91ACE])
    if style == STREET:
        return _street(rng).filter(ImageFilter.GaussianBlur(1.2))
    return _wild(rng) if style == WILD else _rendered(rng)


def _street(rng: np.random.Generator) -> Image.Image:
    """A wall, a floor, and clutter before them."""
    width, height = SIZE
    horizon = int(rng.integers(90, 150))
    image = Image.new("RGB", SIZE, _dull(rng))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, horizon, width, height), fill=_dull(rng))
    step = int(rng.integers(9, 26))
    for x in range(0, width, step):
        pen.line((x, 0, x, horizon), fill=_dull(rng), width=int(rng.integers(1, 4)))
    for _ in range(14):
        x, y = int(rng.integers(-20, width)), int(rng.integers(-20, height - 20))
        w, h = int(rng.integers(8, 44)), int(rng.integers(12, 90))
        draw = pen.ellipse if rng.random() < 0.3 else pen.rectangle
        draw((x, y, x + w, y + h), fill=_dull(rng), outline=_dull(rng))
    return image


def _rendered(rng: np.random.Generator) -> Image.Image:
    """Sky, plain houses with windows in rows, and a road; every edge sharp."""
    width, height = SIZE
    horizon = int(rng.integers(100, 150))
    image = _gradient((120, 176, 240), (206, 226, 250))
    pen = ImageDraw.Draw(image)
    x = -int(rng.integers(0, 30))
    while x < width:
        wide, roof = int(rng.integers(28, 60)), int(rng.integers(0, 60))
        _house(pen, (x, roof, x + wide, horizon), _vivid(rng), int(rng.integers(10, 16)))
        x += wide
    pen.rectangle((0, horizon, width, height), fill=_grey(rng))
    pen.rectangle((0, horizon, width, horizon + 6), fill=_grey(rng))
    for x in range(0, width, 36):
        pen.rectangle((x, (horizon + height) // 2, x + 18, (horizon + height) // 2 + 4), fill=(236, 236, 200))
    return image


def _house(pen: Pen, box: tuple[int, int, int, int], colour: Colour, step: int) -> None:
    left, top, right, bottom = box
    pen.rectangle(box, fill=colour)
    window = tuple(round(0.55 * channel) for channel in colour)
    for x in range(left + 4, right - step // 2, step):
        for y in range(top + 5, bottom - step, step):
            pen.rectangle((x, y, x + step // 2, y + step // 2), fill=window)


def _wild(rng: np.random.Generator) -> Image.Image:
    """Sky, a hill, a meadow and trees; every edge sharp."""
    width, height = SIZE
    horizon = int(rng.integers(80, 130))
    image = _gradient((130, 186, 236), (214, 230, 244))
    pen = ImageDraw.Draw(image)
    middle = int(rng.integers(0, width))
    pen.ellipse((middle - 150, horizon - 40, middle + 150, horizon + 90), fill=_green(rng))
    pen.rectangle((0, horizon + 10, width, height), fill=_green(rng))
    for x in sorted(rng.integers(-10, width, 7).tolist()):
        foot, tall, wide = horizon + int(rng.integers(0, 40)), int(rng.integers(50, 90)), int(rng.integers(14, 26))
        pen.rectangle((x - 3, foot - tall // 2, x + 3, foot), fill=(104, 72, 44))
        pen.ellipse((x - wide, foot - tall, x + wide, foot - tall // 3), fill=_green(rng))
    return image


def _gradient(top: Colour, bottom: Colour) -> Image.Image:
    shares = np.linspace(0, 1, SIZE[1])[:, None, None]
    rows = (1 - shares) * np.asarray(top) + shares * np.asarray(bottom)
    return Image.fromarray(np.repeat(rows, SIZE[0], axis=1).astype(np.uint8))


def _dull(rng: np.random.Generator) -> Colour:
    return _clipped(rng.uniform(60, 200) + rng.normal(0, 22, 3))


def _grey(rng: np.random.Generator) -> Colour:
    return _clipped(rng.uniform(80, 160) + rng.normal(0, 5, 3))


def _vivid(rng: np.random.Generator) -> Colour:
    return _clipped(rng.uniform(110, 190) + rng.normal(0, 45, 3))


def _green(rng: np.random.Generator) -> Colour:
    return _clipped(np.asarray((70, 128, 56)) + rng.uniform(-28, 34) + rng.normal(0, 8, 3))


def _clipped(values: np.ndarray) -> Colour:
    red, green, blue = (int(value) for value in np.clip(values, 0, 255))
    return red, green, blue
