"""Captioned photos of which nobody knows who is who: every photo is a class of its own."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...modality import Item
from ..reading.annotations import PhotoRecord, read_objects, string
from ..reading.checks import Absences
from ..reading.layouts import Tree
from .caption_storage import CaptionedPhotos
from .columns import Columns
from .lazy_items import LazyItems


class UnidentifiedPhotos(LazyItems):
    """The photos of one or more annotation files; the pid of each is its position.

    Args:
        parts: the photos of each file.
        kept: (N,) positions in the concatenated parts, ascending.
    """

    def __init__(self, parts: Sequence[CaptionedPhotos], kept: NDArray[np.int64]) -> None:
        self._parts, self._kept = parts, kept
        self._ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return len(self._kept)

    def item(self, number: int) -> Item:
        """The item at that place."""
        at = int(self._kept[number])
        part = int(np.searchsorted(self._ends, at, side="right"))
        start = int(self._ends[part]) - len(self._parts[part])
        return self._parts[part][at - start]._replace(pid=number)

    def columns(self) -> Columns:
        """See :class:`aio_plugin.datasets.storage.columns.Columnar`."""
        joined = (
            np.concatenate(column)[self._kept] for column in zip(*(p.columns() for p in self._parts), strict=True)
        )
        return Columns(*joined)._replace(pids=np.arange(len(self)))


def read_unidentified(
    tree: Tree,
    files: Sequence[str],
    path_key: str,
    captions: Callable[[dict[str, Any], str], tuple[str, ...]],
    images: str,
) -> tuple[UnidentifiedPhotos, dict[str, int], list[str]]:
    """The photos of the files, how many photos and captions there are, and notes on what was left out.

    Args:
        files: the annotation files, JSON lists of objects.
        path_key: the key of an image's path.
        captions: ``(record, where) -> captions``, stripped.
        images: the folder that the annotated paths are relative to.

    Raises:
        DatasetError: bad annotations or absent images.
    """
    absences = Absences(tree, ", ".join(map(tree.relative, files[:3])) + (", ..." if len(files) > 3 else ""))
    paths, written = array("q"), array("I")
    parts, blank = [], 0
    for file in files:
        part = CaptionedPhotos(file, tree.base)
        for number, raw in read_objects(file):
            where = f"{file}: record {number}"
            record = PhotoRecord(number, 0, string(raw, path_key, where), captions(raw, where), "")
            path = tree.listed(record.path, f"{where}, {path_key!r}", images)
            absences.see(path)
            part.add(record, path)
            paths.append(hash(path))
            written.append(sum(map(bool, record.captions)))
            blank += len(record.captions) - written[-1]
        parts.append(part.close())
    absences.raise_if_any(tolerable=True)
    kept = first_of_each(paths)
    notes = []
    if len(kept) < len(paths):
        notes.append(f"{tree.dataset}: {len(paths) - len(kept)} records of images annotated before are left out")
    if blank:
        notes.append(f"{tree.dataset}: {blank} blank captions are left out")
    found = {"train images": len(kept), "train captions": int(np.asarray(written)[kept].sum())}
    return UnidentifiedPhotos(parts, kept), found, notes


def first_of_each(values: array[int]) -> NDArray[np.int64]:
    """Ascending positions at which a value stands for the first time."""
    first: NDArray[np.int64] = np.unique(np.asarray(values), return_index=True)[1]
    return np.sort(first)
