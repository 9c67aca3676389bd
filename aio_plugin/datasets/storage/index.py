"""Annotations that were read before: a memory-mapped index beside the data, which knows its source."""

from __future__ import annotations

import hashlib
import os
import warnings
from typing import Any

from ...config import Option
from ...errors import DatasetError
from ..reading.layouts import Tree
from .caption_storage import CaptionedPhotos
from .mmap_arrays import Arrays, MappedArrays, fingerprint, save

VERSION = 1
"""Counted up when something else is kept of a source, so that old indices are not taken for new ones."""
SMALLEST = 1 << 24
"""Bytes; a smaller source is read in less than a second and gets no index."""
CACHE = ".aio_cache"
OFF = "off"
OPTION = Option(
    "index",
    "",
    f"folder of the memory-mapped index of the annotations; '' = <data.root>/{CACHE}, '{OFF}' = read them every time",
)


class Index:
    """The index of one annotation file.

    Args:
        tree: the dataset's folder.
        file: the annotation file.
        folder: the value of ``OPTION``.

    Raises:
        DatasetError: the annotation file cannot be read.
    """

    def __init__(self, tree: Tree, file: str, folder: str = "") -> None:
        self._tree, self._file = tree, file
        try:
            self._source = _state(tree, file)
        except OSError as error:
            raise DatasetError(f"Cannot read the annotations {file}: {error}.") from error
        self._place = ""
        if folder != OFF and self._source["size"] >= SMALLEST:
            name = f"{tree.dataset}-{hashlib.sha256(tree.relative(file).encode()).hexdigest()[:8]}.safetensors"
            folder = os.path.expanduser(folder) if folder else os.path.join(tree.root, CACHE)
            self._place = os.path.join(os.path.abspath(folder), "annotations", name)

    def load(self, images: bool) -> CaptionedPhotos | None:
        """The photos as they were stored; None if they were not, or the source or the format has changed since,
        or the index is damaged.

        Args:
            images: only if all images were there when the photos were stored.
        """
        if not self._place:
            return None
        try:
            arrays = MappedArrays(self._place)
            about = arrays.about
            if about["source"] != self._source or (images and not about["images"]):
                return None
            return _photos(self._tree, self._file, arrays, about)
        except (OSError, ValueError, KeyError, TypeError):
            return None  # it is made anew

    def store(self, photos: CaptionedPhotos, images: bool) -> CaptionedPhotos:
        """Keep the photos; returns them as they are mapped from the index, or themselves if none can be written.

        Args:
            images: whether all images were there.
        """
        if not self._place:
            return photos
        about = {"source": self._source, "images": images, "captions": photos.captions, "persons": photos.persons}
        try:
            if _state(self._tree, self._file) != self._source:  # it changed while it was read
                return photos
            save(self._place, photos.arrays, about)
            return _photos(self._tree, self._file, MappedArrays(self._place), about)
        except OSError as error:
            warnings.warn(
                f"{self._tree.dataset}: the index of {self._file} cannot be kept in {os.path.dirname(self._place)} "
                f"({error.strerror}), so the annotations are read anew every time. Make it a folder that can be "
                f"written, or set aio.datasets.{self._tree.dataset}.{OPTION.name} to one, or to '{OFF}'.",
                stacklevel=3,
            )
            return photos


def _state(tree: Tree, file: str) -> dict[str, Any]:
    """What tells one content of the source from another."""
    with open(file, "rb") as stream:
        found = os.fstat(stream.fileno())

        def read(offset: int, count: int) -> bytes:
            stream.seek(offset)
            return stream.read(count)

        return {
            "reader": [tree.dataset, VERSION],
            "path": tree.relative(file),
            "size": found.st_size,
            "mtime_ns": found.st_mtime_ns,
            "content": fingerprint(found.st_size, read),
        }


def _photos(tree: Tree, file: str, arrays: Arrays, about: dict[str, Any]) -> CaptionedPhotos:
    return CaptionedPhotos.of(file, tree.base, arrays, about["captions"], about["persons"])
