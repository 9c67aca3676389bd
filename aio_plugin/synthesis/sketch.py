"""Sketches of photos, drawn once and kept on disk (AIO Sec. 3.2)."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import CacheError, MediaError
from .edges import draw_edges
from .lineart import LineArtGenerator, draw, load_lineart

VERSION = 1
"""Counted up when a method draws differently, so that old drawings are not taken for new ones."""


class Sketcher:
    """Photos to sketches, by the line-art generator if there are weights, else by edges.

    It pickles, and many workers may share one cache: a drawing appears there whole or not at all. A cached
    drawing is known by the photo's path (relative to the cache's parent folder), size and time of change, and by
    the method. An image packed into a file (``<file>#<key>``) is known by its key and the file's size and time.

    Args:
        lineart_weights: file of the line-art generator; '' = edges.
        cache: folder of drawings; None = draw every time.
        resolution: see :func:`aio_plugin.synthesis.lineart.draw`.

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
            self._generator = load_lineart(lineart_weights)  # now, so that a wrong file fails before training
            self.method += f"-{hashlib.sha256(Path(lineart_weights).expanduser().read_bytes()).hexdigest()[:8]}"
            self.method += f"-{resolution}"

    def to(self, device: str) -> Sketcher:
        """This, drawing on ``device`` from now on; a copy that is unpickled elsewhere draws there too."""
        self.device = device
        if self._generator is not None:
            self._generator.to(device)
        return self

    def __call__(self, path: str, image: Image.Image | None = None) -> Image.Image:
        """The sketch of the photo at ``path``, RGB, of the photo's size.

        Args:
            image: the photo itself, if it is in memory already.

        Raises:
            MediaError: the photo cannot be read.
            CacheError: the cache cannot be written.
        """
        if self.cache is None:
            return self._draw(path, image).convert("RGB")
        place = self._place(path)
        cached = _read(place)
        if cached is None or (image is not None and cached.size != image.size):
            cached = self._draw(path, image)
            _write(place, cached)
        return cached.convert("RGB")

    def kept(self, path: str) -> Image.Image | None:
        """The sketch of the photo at ``path`` if the cache has it, RGB, of the photo's size; else None.

        Raises:
            MediaError: there is no such photo.
        """
        drawing = None if self.cache is None else _read(self._place(path))
        return None if drawing is None else drawing.convert("RGB")

    def has(self, path: str) -> bool:
        """Whether the cache has the whole sketch of the photo at ``path``; raises what :meth:`kept` raises."""
        return self.cache is not None and _whole(self._place(path))

    def _draw(self, path: str, image: Image.Image | None) -> Image.Image:
        photo = _photo(path) if image is None else image
        if not self.weights:
            return draw_edges(photo)
        if self._generator is None:  # in a spawned worker
            self._generator = load_lineart(self.weights).to(self.device)
        return draw(self._generator, photo, self.resolution)

    def _place(self, path: str) -> Path:
        assert self.cache is not None
        try:
            stat = os.stat(path if os.path.exists(path) else path.rpartition("#")[0] or path)
        except OSError as error:
            raise MediaError(f"{path}: cannot be read ({error.strerror}); check data.root.") from error
        relative = os.path.relpath(os.path.abspath(path), self.cache.parent)
        key = hashlib.sha256(f"{relative}|{stat.st_size}|{stat.st_mtime_ns}".encode()).hexdigest()
        return self.cache / self.method / key[:2] / f"{key[2:34]}.png"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_generator": None}


def _photo(path: str) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError) as error:
        raise MediaError(f"{path}: no image that can be read ({error}); replace or remove the file.") from error


def _read(place: Path) -> Image.Image | None:
    """The drawing at ``place``; None if there is none or it is broken, and then it is drawn anew."""
    try:
        with Image.open(place) as image:
            image.load()
            return image.copy()
    except (OSError, SyntaxError, ValueError):
        return None


def _whole(place: Path) -> bool:
    """Whether the file at ``place`` is a PNG to its end, by its checksums."""
    try:
        with Image.open(place) as image:
            image.verify()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def _write(place: Path, drawing: Image.Image) -> None:
    part = place.with_suffix(f".{uuid.uuid4().hex}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            drawing.save(part, format="PNG")
            os.replace(part, place)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CacheError(
            f"{place.parent}: sketches cannot be kept there ({error.strerror}); set aio.synthesis.cache to a folder "
            "that can be written."
        ) from error
