"""A memory-mapped index of annotations, kept beside the data and rebuilt when its source changes."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...errors import DatasetError
from ...file_lock import file_lock
from ...options import Option
from ..reading.layouts import Tree
from .mmap_arrays import MappedArrays, save_arrays
from .stored_photos import StoredPhotos

VERSION = 3
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


def read_through_index(
    tree: Tree, file: str, folder: str, images: bool, read: Callable[[], tuple[StoredPhotos, bool]]
) -> StoredPhotos:
    """The photos of an annotation file, from its index where that is whole and of this very file, else from ``read``.

    Args:
        tree: the dataset's folder.
        folder: the value of ``OPTION``.
        images: take an index only if all images were there when it was written.
        read: returns the photos, and whether all images were there; the index is written anew.

    Raises:
        DatasetError: the annotation file cannot be read.
    """
    try:
        source = _source_state(tree, file)
    except OSError as error:
        raise DatasetError(f"Cannot read the annotations {file}: {error}.") from error
    if folder == OFF or source["size"] < SMALLEST:
        return read()[0]
    name = f"{tree.dataset}-{hashlib.sha256(tree.relative(file).encode()).hexdigest()[:8]}"
    folder = os.path.abspath(os.path.expanduser(folder) if folder else os.path.join(tree.root, CACHE))
    place = os.path.join(folder, "annotations", name)
    indexed = _indexed_photos(tree, file, place, source, images)
    if indexed is not None:
        return indexed
    photos, complete = read()
    try:
        if _source_state(tree, file) == source:  # it did not change while it was read
            with file_lock(Path(place).with_name(".lock"), wait=True):
                if _indexed_photos(tree, file, place, source, complete) is None:  # no other process has written it
                    about = {"source": source, "images": complete, "captions": photos.captions}
                    save_arrays(place, photos.arrays, about)
                photos = _indexed_photos(tree, file, place, source, complete) or photos
    except OSError as error:
        warnings.warn(
            f"{tree.dataset}: the index of {file} cannot be kept in {os.path.dirname(place)} ({error.strerror}), so "
            f"the annotations are parsed every time. Make the folder writable, or set "
            f"aio.datasets.{tree.dataset}.{OPTION.name} to one that is, or to '{OFF}'.",
            stacklevel=2,
        )
    return photos


def _indexed_photos(tree: Tree, file: str, place: str, source: Mapping[str, Any], images: bool) -> StoredPhotos | None:
    """The photos in the index at ``place``; None if it is absent, damaged, or not of this source."""
    try:
        arrays = MappedArrays(place)
        if arrays.about["source"] != source or (images and not arrays.about["images"]):
            return None
        files = {file: len(arrays["pids"])}
        return StoredPhotos(os.path.join(tree.base, ""), arrays, files, arrays.about["captions"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _source_state(tree: Tree, file: str) -> dict[str, Any]:
    """What tells one content of the source from another.

    Time of change (ctime) is set by the kernel at every write and cannot be set back, unlike that of modification. So
    an edit is seen without reading gigabytes, and what is not seen is a disk that changes bits by itself.
    """
    status = os.stat(file)
    return {
        "reader": [tree.dataset, VERSION],
        "path": tree.relative(file),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "ctime_ns": status.st_ctime_ns,
    }
