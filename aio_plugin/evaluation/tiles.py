"""Tiles of a ranked list: an image, a caption as text, a frame, a label."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from functools import cache
from itertools import islice

from PIL import Image, ImageDraw, ImageFont, ImageOps

from ..errors import printable
from ..modality import Media
from .pixels import Render

PAPER, INK, FAINT = "#ffffff", "#1f2430", "#667085"
ELLIPSIS = " ..."
CAPTION_SIZES = range(18, 10, -1)
"""Font sizes in pixels to try for a caption; the first that fits is used."""
CAPTION_WIDTHS = (1.5, 2, 3, 4)
"""Widths to try for a caption's tile, in widths of an image; the first that holds all of it is used."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font(size: int) -> Font:
    """Pillow's built-in font at ``size`` pixels."""
    return ImageFont.load_default(size)


def label_of(medium: Media) -> str:
    """What a tile shows, for example ``sketch, synthetic``."""
    return f"{medium.modality.label}, synthetic" if medium.synthetic else medium.modality.label


def tile(medium: Media, render: Render, width: int, height: int) -> Image.Image:
    """The medium as ``width`` x ``height`` pixels; a caption is wider, to be legible."""
    if medium.modality.is_image:
        return render(medium).convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    caption = medium.caption or ""
    for times in CAPTION_WIDTHS:
        lines, _ = fit(caption, *_room(int(times * width), height))
        if not lines[-1].endswith(ELLIPSIS):
            break
    return caption_tile(caption, int(times * width), height)


def caption_tile(caption: str, width: int, height: int) -> Image.Image:
    """A caption, wrapped, in the largest font that fits; cut with an ellipsis if even the smallest does not."""
    picture = Image.new("RGB", (width, height), "#f6f7f9")
    draw = ImageDraw.Draw(picture)
    room = _room(width, height)
    lines, size = fit(caption, *room)
    corner = ((width - room[0]) // 2, (height - room[1]) // 2)
    draw.multiline_text(corner, "\n".join(lines), fill=INK, font=font(size), spacing=size // 3)
    return picture


def _room(width: int, height: int) -> tuple[int, int]:
    margin = max(4, width // 20)
    return width - 2 * margin, height - 2 * margin


def fit(text: str, width: int, height: int) -> tuple[list[str], int]:
    """The lines of ``text`` and the font size in which they fit ``width`` x ``height`` pixels."""
    for size in CAPTION_SIZES:
        most = height // _step(size)
        lines = list(islice(wrap(text, width, size), max(1, most) + 1))
        if len(lines) <= most:
            return lines, size
    *kept, last = lines[: max(1, most)]
    cut = last[: _fitting(last, width - math.ceil(font(size).getlength(ELLIPSIS)), size)]
    return [*kept, cut.rstrip(" .,") + ELLIPSIS], size


def wrap(text: str, width: int, size: int) -> Iterator[str]:
    """Lines of at most ``width`` pixels; a longer word is broken. Characters that are not printed are escaped."""
    line = ""
    for word in text.split():
        word = printable(word)
        joined = f"{line} {word}" if line else word
        start = 0
        if line and _fitting(joined, width, size) < len(joined):
            yield line
            joined = word
        while (end := start + max(1, _fitting(joined, width, size, start))) < len(joined):
            yield joined[start:end]
            start = end
        line = joined[start:]
    yield line


def _fitting(text: str, width: int, size: int, start: int = 0) -> int:
    """How many characters of ``text`` from ``start`` on fit ``width`` pixels; measures no more than twice as many."""
    fits, length = 0, 32
    while fits < len(text) - start:
        within = font(size).getlength(text[start : start + length]) <= width
        if not within:
            return fits + bisect.bisect_right(
                range(fits + 1, length), width, key=lambda n: math.ceil(font(size).getlength(text[start : start + n]))
            )
        fits, length = length, 2 * length
    return len(text) - start


def framed(picture: Image.Image, colour: str, thickness: int) -> Image.Image:
    """The picture with a frame of ``thickness`` pixels on every side."""
    return ImageOps.expand(picture, thickness, colour)


def _step(size: int) -> int:
    """Pixels from line to line."""
    return size + size // 3 + 1
