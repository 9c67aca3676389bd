"""Tiles of a ranked list: an image, a caption as text, a frame, a label."""

from __future__ import annotations

import bisect
import math
from functools import cache

from PIL import Image, ImageDraw, ImageFont, ImageOps

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
    line = " ".join(text.split())
    for size in CAPTION_SIZES:
        most = height // _step(size)
        if font(size).getlength(line) > most * (width + font(size).getlength(" ")):
            continue  # too long, however it is wrapped
        lines = wrap(text, width, size)
        if len(lines) <= most:
            return lines, size
    lines = wrap(text, width, size)
    *kept, last = lines[: max(1, height // _step(size))]
    cut = last[: _fitting(f"{last} ", width - math.ceil(font(size).getlength(ELLIPSIS)), size)]
    return [*kept, cut.rstrip(" .,") + ELLIPSIS], size


def wrap(text: str, width: int, size: int) -> list[str]:
    """Lines of at most ``width`` pixels; a longer word is broken."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        if line and font(size).getlength(f"{line} {word}") > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
        while font(size).getlength(line) > width and len(line) > 1:
            end = max(1, _fitting(line, width, size))
            lines.append(line[:end])
            line = line[end:]
    return [*lines, line] if line or not lines else lines


def _fitting(line: str, width: int, size: int) -> int:
    """How many leading characters of ``line``, fewer than all, fit ``width`` pixels."""
    return bisect.bisect_right(range(1, len(line)), width, key=lambda n: math.ceil(font(size).getlength(line[:n])))


def framed(picture: Image.Image, colour: str, thickness: int) -> Image.Image:
    """The picture with a frame of ``thickness`` pixels on every side."""
    return ImageOps.expand(picture, thickness, colour)


def _step(size: int) -> int:
    """Pixels from line to line."""
    return size + size // 3 + 1
