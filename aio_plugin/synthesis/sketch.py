"""Sketches of photos, drawn once and cached on disk (AIO Sec. 3.2): by a network, or from edges.

Edges are drawn by colour dodge, the pencil effect of drawing programs: a replacement for the weights of
:mod:`aio_plugin.synthesis.lineart`, and a deviation from AIO.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import time
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter
from PIL.PngImagePlugin import PngInfo

from ..errors import CacheError, MediaError
from ..image_files import image_stat, opened_image
from ..outside_files import file_sha256
from .lineart import LineArtGenerator, draw_lineart, load_lineart

VERSION = 1
"""Increased when a method changes, so that old drawings are not used."""

PENCIL, SURROUNDINGS = 1 / 350, 1 / 100
"""Blurs, in heights of the image: the first removes noise, the second is about half a line's width."""

OFFSET = 36.0
"""Added to grey levels before dividing, so that noise in dark clothes draws no lines."""

PHOTO, PIXELS = "photo", "pixels"
"""Texts in the PNG of a drawing: time of change and sha256 of its photo; checksum of its own pixels."""

DARKEST, WHITEST = 0.75, 0.94
"""Ratios of a pixel to its surroundings that become black and white."""

PART, OLD = ".part", 3600
"""End of the name of a drawing that is being written; seconds after which its writer is dead."""

MOST_DRAWN = 1 << 22
"""Pixels; of a larger photo a reduced copy is drawn, as drawing takes 0.2 s and 50 MB a million pixels."""


class Sketcher:
    """Photos to sketches, by the line-art generator if there are weights, else by edges.

    It can be pickled, and many workers may share one cache: drawings are written atomically. A cached drawing is
    found by the photo's path (relative to the cache's parent folder), size and time of modification, and by the
    method; one of an image packed into a file (``<file>#<key>``) by the key and the file's size and time. It is used
    if the photo's inode was not changed since, or else if the photo has the same bytes.

    Args:
        lineart_weights: file of the line-art generator; '' = edges.
        cache: folder of drawings; None = draw every time.
        resolution: see :func:`aio_plugin.synthesis.lineart.draw_lineart`.

    Attributes:
        name: ``"lineart"`` or ``"edges"``.
        device: where the generator draws.

    Raises:
        EncoderError: ``lineart_weights`` is absent or of another network.
    """

    def __init__(self, lineart_weights: str = "", cache: str | Path | None = None, resolution: int = 512) -> None:
        self.weights, self.resolution, self.device = lineart_weights, resolution, "cpu"
        self.cache = Path(os.path.abspath(cache)) if cache else None
        self.name = "lineart" if lineart_weights else "edges"
        self.method = f"{self.name}-{VERSION}"
        self._generator: LineArtGenerator | None = None
        if lineart_weights:
            self._generator = load_lineart(lineart_weights)  # here, so that a wrong file fails before training
            self.method += f"-{file_sha256(Path(lineart_weights).expanduser())[:8]}"
            self.method += f"-{resolution}"

    def to(self, device: str) -> Sketcher:
        """This, drawing on ``device`` from now on, also in a copy that is unpickled in another process."""
        self.device = device
        if self._generator is not None:
            self._generator.to(device)
        return self

    def __call__(self, path: str, read: Callable[[str], Image.Image]) -> Image.Image:
        """The sketch of the photo at ``path``, RGB, of the photo's size.

        Args:
            read: reads the photo; called if the cache has no complete sketch of it.

        Raises:
            MediaError: there is no such photo; and what ``read`` raises.
            CacheError: the cache cannot be written.
        """
        if self.cache is None:
            return self._draw(read(path)).convert("RGB")
        file, changed = self._place(path)
        drawing = _read(file, path, changed)
        if drawing is None:
            content = _content(path)
            drawing = self._draw(read(path))
            _write(file, drawing, f"{changed} {content}")
        return drawing.convert("RGB")

    def has(self, path: str) -> bool:
        """Whether the cache has a complete sketch of the photo at ``path``; MediaError if there is no such photo."""
        return self.cache is not None and _is_complete(path, *self._place(path))

    def remove_parts(self) -> None:
        """Remove what processes left that were killed while they wrote a sketch, an hour ago or more."""
        for part in (self.cache / self.method).glob(f"*{PART}") if self.cache else ():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - part.stat().st_mtime > OLD:
                    part.unlink()

    def _draw(self, photo: Image.Image) -> Image.Image:
        size = photo.size
        if size[0] * size[1] > MOST_DRAWN:
            return self._draw(photo.reduce(math.ceil(math.sqrt(size[0] * size[1] / MOST_DRAWN)))).resize(size)
        if not self.weights:
            return draw_edges(photo)
        if self._generator is None:  # in a spawned worker
            self._generator = load_lineart(self.weights).to(self.device)
        return draw_lineart(self._generator, photo, self.resolution)

    def _place(self, path: str) -> tuple[Path, str]:
        """The file of the photo's sketch, and when the photo was changed last, in a way that nobody can set back."""
        assert self.cache is not None
        try:
            stat = image_stat(path)
        except OSError as error:
            raise MediaError(f"{path}: cannot be read ({error.strerror}); check data.root.") from error
        relative = os.path.relpath(os.path.abspath(path), self.cache.parent)
        key = hashlib.sha256(f"{relative}|{stat.st_size}|{stat.st_mtime_ns}".encode()).hexdigest()
        return self.cache / self.method / key[:2] / f"{key[2:34]}.png", str(stat.st_ctime_ns)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_generator": None}


def draw_edges(image: Image.Image) -> Image.Image:
    """The line drawing of ``image``, grey (mode L), dark on white, of the same size; deterministic.

    A pixel's darkness is how much darker it is than its surroundings, in the channel where that is most: so edges
    between colours of equal grey are drawn too.
    """
    rgb, sigmas = image.convert("RGB"), (max(0.6, PENCIL * image.height), max(1.5, SURROUNDINGS * image.height))
    pixels, around = (np.asarray(rgb.filter(ImageFilter.GaussianBlur(sigma)), np.float32) for sigma in sigmas)
    ratio = ((pixels + OFFSET) / (around + OFFSET)).min(axis=2)
    light = np.clip((ratio - DARKEST) / (WHITEST - DARKEST), 0, 1)
    return Image.fromarray((light * 255).round().astype(np.uint8))


def _read(file: Path, path: str, changed: str) -> Image.Image | None:
    """The drawing in a file; None if it is missing, damaged, or not of the photo at ``path`` as it is now."""
    try:
        with opened_image(file, follow=False) as image:
            image.load()  # does not look at the checksums of PNG
            whole = image.info.get(PIXELS) == _checksum(image)
            return image.copy() if whole and _is_of(image, path, changed) else None
    except Exception:  # Pillow fails in many ways, and it can be drawn again
        return None


def _is_complete(path: str, file: Path, changed: str) -> bool:
    """Whether the file is a PNG to its end, by its checksums, and of the photo at ``path`` as it is now."""
    try:
        with opened_image(file, follow=False) as image:
            image.verify()
            return _is_of(image, path, changed)
    except Exception:  # Pillow fails in many ways, and it can be drawn again
        return False


def _is_of(drawing: Image.Image, path: str, changed: str) -> bool:
    """Whether a drawing is of the photo's content: one that was not changed since, or copied with what it holds."""
    then, _, content = str(drawing.info.get(PHOTO, "")).partition(" ")
    return then == changed or (content != "" and content == _content(path))


def _content(path: str) -> str:
    """The sha256 of a file; '' of an image packed into one."""
    try:
        return file_sha256(path)
    except OSError:
        return ""


def _checksum(drawing: Image.Image) -> str:
    return str(zlib.crc32(drawing.tobytes()))


def _write(file: Path, drawing: Image.Image, photo: str) -> None:
    texts = PngInfo()
    texts.add_text(PHOTO, photo)
    texts.add_text(PIXELS, _checksum(drawing))
    part = file.parents[1] / f"{uuid.uuid4().hex}{PART}"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            drawing.save(part, format="PNG", pnginfo=texts)
            os.replace(part, file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CacheError(
            f"{file.parent}: sketches cannot be written there ({error.strerror}); set aio.synthesis.cache to a "
            "writable folder."
        ) from error
