"""Decoding of image files: at their full range, and large JPEGs no larger than needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..datasets.storage.lmdb_images import image_source
from ..errors import MediaError
from ..image_files import is_sideways, load_upright, opened_image, require_bounded
from ..modality import Media, Modality

DRAFTS = (8, 4, 2)
"""Divisors of an image's sides that libjpeg offers while it decodes."""

GAP = 2.0
"""The smallest ratio of a drafted image's sides to the size that it will be resized to."""

Pixels = Image.Image | NDArray[Any]
BYTES, WORDS = (0, 255), (0, 65535)
"""Ranges of images of 8 and 16 bits."""


class ImageMedia(Media):
    """An image in memory; the ``str`` is its name in messages.

    Args:
        name: one of its own among the media of an item.
        pixels: an image, or an array (H, W, 3) or (H, W) of the values that an image file could hold.
    """

    pixels: Pixels

    def __new__(cls, name: str, modality: Modality, pixels: Pixels, partners: Iterable[Media] = ()) -> ImageMedia:  # noqa: D102
        self = super().__new__(cls, name, modality, None, partners)
        assert isinstance(self, ImageMedia)
        self.pixels = pixels
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.modality, self.pixels, self.partners)

    def copied(self) -> Image.Image:
        """The image, which may be changed; raises what Pillow raises for what is none."""
        pixels = self.pixels
        if not isinstance(pixels, Image.Image):
            if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
                raise ValueError(f"an array of shape {pixels.shape} is not an image; give (H, W, 3) or (H, W)")
            pixels = Image.fromarray(pixels)
        require_bounded(pixels)
        if not pixels.width * pixels.height:
            raise ValueError("it has no pixels")
        image = pixels.copy()
        image.format = pixels.format
        return image


def read_image(path: str, size: tuple[int, int] | None = None) -> Image.Image:
    """The image at ``path`` with 8 bits and three channels; see :func:`decode_image`."""
    return to_rgb(decode_image(path, size))


def to_rgb(image: Image.Image) -> Image.Image:
    """An image of :func:`decode_image` with 8 bits and three channels."""
    if image.mode == "F":
        image = Image.fromarray((np.asarray(image) * 255).round().astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")


def decode_image(path: str, size: tuple[int, int] | None = None) -> Image.Image:
    """The image at ``path``, which may be one packed into an LMDB (:mod:`aio_plugin.datasets.storage.lmdb_images`).

    It is turned as its EXIF orientation says. Files of 8 bits become RGB; grey and palette images are replicated to
    three channels. Grey files of more bits, and all files of a modality with a ``value_range``, become floats (mode F),
    that range or the one of 16 bits mapped to [0, 1] and clipped; nothing is rounded.

    With ``size`` a JPEG is decoded at a half, a quarter or an eighth of its sides (PIL's draft mode), the smallest that
    is at least twice ``size`` in both. So images under four times ``size`` do not change. Larger ones, resized to
    ``size``, differ from a full decode by about 1 grey level of 255 in the mean and 7 at most, measured on synthetic
    images with fine grain; where the sides do not divide, the far edges also move by half a pixel at most.

    Args:
        path: a Media is decoded as its modality asks; a str, or what is to be synthesised, as RGB.
        size: height and width in pixels that the image will be resized to; None = decode it in full.

    Raises:
        MediaError: the file is absent, empty, cut short, too large, not a regular file or not an image of a known
            format (:mod:`aio_plugin.image_files`), or is not of the modality's kind; names it.
        DatasetError: the LMDB cannot be opened.
    """
    medium = Media.of(path)
    source = medium if isinstance(medium, ImageMedia) else image_source(path)
    try:
        with source.copied() if isinstance(source, ImageMedia) else opened_image(source) as image:
            height, width = size[::-1] if size and is_sideways(image) else size or image.size[::-1]
            ratio = min(image.height / height, image.width / width)
            scale = next((scale for scale in DRAFTS if ratio >= GAP * scale), 1)
            if scale > 1:
                image.draft(image.mode, (image.width // scale, image.height // scale))
            load_upright(image)
            return as_modality(image, Modality.RGB if medium.synthetic else medium.modality, path)
    except MediaError:
        raise
    except Exception as error:  # PIL's decoders fail in many ways, EOFError and struct.error among them
        raise MediaError(f"Cannot read the image {str(path)!r}: {error}. Replace or remove the file.") from error


def as_modality(image: Image.Image, modality: Modality, path: str) -> Image.Image:
    """A loaded image as :func:`decode_image` returns it; ``path`` is for the error."""
    held = _held_range(image)
    colours = image.mode not in ("1", "L") and held == BYTES
    if colours and modality.channels == 1:
        raise _unfit(image, modality, path, "Save it as a grey image, or register the modality with channels=3.")
    wanted = modality.value_range or held
    if wanted is None:
        cure = "a modality with channels=1 and value_range=(low, high), by aio_plugin.register_modality"
        raise _unfit(image, modality, path, f"Values of this type have no range of their own: name it as {cure}.")
    if held == BYTES and modality.value_range is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    if held == BYTES and not 0 <= wanted[0] < wanted[1] <= BYTES[1]:
        raise _unfit(image, modality, path, "8 bits do not hold that range: save the values with 16 bits.")
    exact = np.float64 if image.mode == "I" else np.float32
    values: NDArray[np.floating[Any]] = np.array(image, exact)
    if not np.isfinite(values).all():
        raise _unfit(image, modality, path, "It holds values that are not finite: write a number in their place.")
    low, high = wanted
    values -= low
    values /= high - low
    return Image.fromarray(values.clip(0, 1, out=values).astype(np.float32))


def _held_range(image: Image.Image) -> tuple[int, int] | None:
    """The range of values of an image file's type; None if the type does not define one, as for floats."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):  # I before Pillow 10.4
        return WORDS
    return None if image.mode in ("I", "F") else BYTES


def _unfit(image: Image.Image, modality: Modality, path: str, cure: str) -> MediaError:
    kind = "one channel" if modality.channels == 1 else f"{modality.channels} channels"
    if modality.value_range:
        kind += f" with values from {modality.value_range[0]:g} to {modality.value_range[1]:g}"
    return MediaError(
        f"Cannot read the image {str(path)!r} (mode {image.mode}) as {modality}, which has {kind}. {cure}"
    )
