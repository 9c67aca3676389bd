"""Training photos by the million: kept as bytes, made into items one at a time."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from typing import overload

import numpy as np

from ..modality import Item, Media, Modality
from .annotations import Record


class CaptionedPhotos(Sequence[Item]):
    """The photos of an annotation file with their captions, in the file's order.

    Looks like a list of items, but a photo takes its path's and captions' bytes and 8 more for
    every string, a tenth of what the items would. Pids are relabelled by sorted raw identity.

    Args:
        file: the annotation file; a caption's path is ``<file>#<record>.<caption>``.
        base: the folder of the images.
    """

    def __init__(self, file: str, base: str) -> None:
        self._file, self._base = file, base
        self._text = bytearray()
        self._ends = array("Q")
        self._first = array("Q", [0])
        self._ids = array("Q")
        self._labels: np.ndarray[tuple[int], np.dtype[np.int32]] = np.empty(0, np.int32)
        self.captions = 0
        self.persons = 0

    def add(self, record: Record, path: str) -> None:
        """Append a photo; ``path`` is its place on disk, below ``base``. Records come in order, none left out."""
        self._put(path[len(self._base) + 1 :])
        for caption in record.captions:
            self._put(caption)
            self.captions += bool(caption)
        self._first.append(len(self._ends))
        self._ids.append(record.pid)

    def close(self) -> CaptionedPhotos:
        """Relabel the pids once all photos are in; returns itself."""
        raw, labels = np.unique(np.frombuffer(self._ids, np.uint64), return_inverse=True)
        self._labels, self.persons = labels.astype(np.int32), len(raw)
        return self

    def __len__(self) -> int:
        return len(self._labels)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        """The item, or the list of items of a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"Photo {index} of {len(self)}.")
        path, *captions = (self._get(at) for at in range(self._first[number], self._first[number + 1]))
        partners = [
            Media(f"{self._file}#{number}.{at}", Modality.TEXT, caption)
            for at, caption in enumerate(captions)
            if caption
        ]
        return Item(Media(os.path.join(self._base, path), partners=partners), int(self._labels[number]), 0)

    def _put(self, text: str) -> None:
        self._text += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._text))

    def _get(self, at: int) -> str:
        start = self._ends[at - 1] if at else 0
        return self._text[start : self._ends[at]].decode("utf-8", "surrogatepass")
