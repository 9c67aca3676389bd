"""The one place where image files are opened: a few formats, regular files, bounded sizes, the right way up."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from .outside_files import open_regular

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
"""Formats that Pillow decodes by itself; for others (EPS) it starts programs. Of several frames the first is read."""
MOST_BYTES = 1 << 29
"""Of a file."""
MOST_PIXELS = 1 << 26
"""Of an image, by its header."""

_WITH_ORIENTATION = frozenset({"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"})
_SIDEWAYS = frozenset({5, 6, 7, 8})
"""EXIF orientations that swap width and height."""


@contextmanager
def opened_image(source: str | PathLike[str] | io.BytesIO, follow: bool = True) -> Iterator[Image.Image]:
    """An image from a file or from memory, of which only the header is read yet; links are refused unless ``follow``.

    Raises:
        OSError: there is no such regular file, or it is not an image of :data:`FORMATS`.
        ValueError: it is larger than the bounds.
        Exception: what Pillow raises for damaged headers.
    """
    with source if isinstance(source, io.BytesIO) else open_regular(source, MOST_BYTES, follow) as file:
        try:
            image = Image.open(file, formats=FORMATS)
        except UnidentifiedImageError as error:
            raise OSError(f"it is not an image of the formats {', '.join(FORMATS)}") from error
        with image:
            require_bounded(image)
            yield image


def require_bounded(image: Image.Image) -> None:
    """Raise ValueError if an image, by its header, has more than :data:`MOST_PIXELS`."""
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"{image.width} x {image.height} pixels are more than {MOST_PIXELS:,}")


def image_stat(path: str) -> os.stat_result:
    """The state of an image's file, or of the file that it is packed into (``<file>#<key>``); OSError without one."""
    return os.stat(path if os.path.exists(path) else path.rpartition("#")[0] or path)


def is_sideways(image: Image.Image) -> bool:
    """Whether :func:`load_upright` swaps width and height; asked before the image is loaded."""
    return _orientation(image) in _SIDEWAYS and image.format != "TIFF"  # Pillow turns TIFF, and its header, itself


def load_upright(image: Image.Image) -> None:
    """Load an opened image and turn it as its EXIF orientation asks. Unreadable EXIF asks for nothing."""
    image.load()
    if _orientation(image) != 1:
        ImageOps.exif_transpose(image, in_place=True)


def _orientation(image: Image.Image) -> int:
    if not _WITH_ORIENTATION & image.info.keys():
        return 1  # most files; asking Pillow would take time
    try:
        orientation: int = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # its parser fails in many ways
        return 1
    return orientation
