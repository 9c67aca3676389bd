"""Tiles of a ranked list: an image, a caption as text, a frame, a label."""

from __future__ import annotations

import bisect
import math
from functools import cache

from PIL import Image, ImageDraw, ImageFont

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
    widths = [int(times * width) for times in CAPTION_WIDTHS]
    return caption_tile(caption, next((w for w in widths if _holds(caption, w, height)), widths[-1]), height)


def caption_tile(caption: str, width: int, height: int) -> Image.Image:
    """A caption, wrapped, in the largest font that fits; cut with an ellipsis if even the smallest does not."""
    picture = Image.new("RGB", (width, height), "#f6f7f9")
    draw = ImageDraw.Draw(picture)
    margin = _margin(width)
    lines, size = fit(caption, *_room(width, height))
    draw.multiline_text((margin, margin), "\n".join(lines), fill=INK, font=font(size), spacing=_gap(size))
    return picture


def _holds(caption: str, width: int, height: int) -> bool:
    return not fit(caption, *_room(width, height))[0][-1].endswith(ELLIPSIS)


def _room(width: int, height: int) -> tuple[int, int]:
    return width - 2 * _margin(width), height - 2 * _margin(width)


def _margin(width: int) -> int:
    return max(4, width // 20)


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
    width, height = picture.size
    frame = Image.new("RGB", (width + 2 * thickness, height + 2 * thickness), colour)
    frame.paste(picture, (thickness, thickness))
    return frame


def _gap(size: int) -> int:
    return size // 3


def _step(size: int) -> int:
    """Pixels from line to line."""
    return size + _gap(size) + 1
