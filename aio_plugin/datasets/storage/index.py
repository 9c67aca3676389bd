"""A memory-mapped index of annotations, kept beside the data and rebuilt when its source changes."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping
from typing import Any

from ...config import Option
from ...errors import DatasetError
from ..reading.layouts import Tree
from .mmap_arrays import MappedArrays, file_fingerprint, save_arrays
from .stored_photos import StoredPhotos

VERSION = 2
"""To be raised when the stored arrays change, so that an old index is rebuilt."""
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
            self._source = _source_state(tree, file)
        except OSError as error:
            raise DatasetError(f"Cannot read the annotations {file}: {error}.") from error
        self._place = ""
        if folder != OFF and self._source["size"] >= SMALLEST:
            name = f"{tree.dataset}-{hashlib.sha256(tree.relative(file).encode()).hexdigest()[:8]}"
            folder = os.path.expanduser(folder) if folder else os.path.join(tree.root, CACHE)
            self._place = os.path.join(os.path.abspath(folder), "annotations", name)

    def load(self, images: bool) -> StoredPhotos | None:
        """The photos as they were stored; None if they were not, if the source or the format has changed since,
        or if the index is damaged.

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
            return self._photos(arrays, about)
        except (OSError, ValueError, KeyError, TypeError):
            return None  # it is rebuilt

    def store(self, photos: StoredPhotos, images: bool) -> StoredPhotos:
        """Keep the photos; returns them as they are mapped from the index, or themselves if none can be written.

        Args:
            images: whether all images were there.
        """
        if not self._place:
            return photos
        about = {"source": self._source, "images": images, "captions": photos.captions}
        try:
            if _source_state(self._tree, self._file) != self._source:  # it changed while it was read
                return photos
            save_arrays(self._place, photos.arrays, about)
            return self._photos(MappedArrays(self._place), about)
        except OSError as error:
            warnings.warn(
                f"{self._tree.dataset}: the index of {self._file} cannot be kept in {os.path.dirname(self._place)} "
                f"({error.strerror}), so the annotations are parsed every time. Make the folder writable, or set "
                f"aio.datasets.{self._tree.dataset}.{OPTION.name} to one that is, or to '{OFF}'.",
                stacklevel=3,
            )
            return photos

    def _photos(self, arrays: MappedArrays, about: Mapping[str, Any]) -> StoredPhotos:
        files = {self._file: len(arrays["pids"])}
        return StoredPhotos(os.path.join(self._tree.base, ""), arrays, files, about["captions"])


def _source_state(tree: Tree, file: str) -> dict[str, Any]:
    """What tells one content of the source from another."""
    status = os.stat(file)
    return {
        "reader": [tree.dataset, VERSION],
        "path": tree.relative(file),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "content": file_fingerprint(file),
    }
