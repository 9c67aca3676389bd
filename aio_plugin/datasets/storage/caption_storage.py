"""Training photos by the million: kept as bytes, made into items one at a time."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from typing import overload

import numpy as np

from ...errors import DatasetError
from ...modality import Item, Media, Modality
from ..reading.annotations import PhotoRecord
from .columns import Columns, bit
from .mmap_arrays import Arrays


class CaptionedPhotos(Sequence[Item]):
    """The photos of an annotation file with their captions, in the file's order.

    Looks like a list of items, but a photo takes its path's and captions' bytes and 8 more for
    every string, a tenth of what the items would. Pids are relabelled by sorted raw identity.

    Args:
        file: the annotation file; a caption's path is ``<file>#<record>.<caption>``.
        base: the folder of the images.

    Attributes:
        captions: how many there are, blank ones left out.
        persons: how many identities the photos have.
        arrays: what is kept, once closed. ``text`` (B,) uint8: paths below ``base`` and captions one after
            the other; ``starts`` (S + 1,) uint64: where each of these strings begins in it; ``first`` (N + 1,)
            uint64: which string is a photo's path, its captions follow; ``labels`` (N,) int32: the pids.
    """

    def __init__(self, file: str, base: str) -> None:
        self._file, self._base = file, base
        self._text = bytearray()
        self._starts = array("Q", [0])
        self._first = array("Q", [0])
        self._ids = array("Q")
        self.arrays: Arrays = {}
        self.captions = 0
        self.persons = 0

    @classmethod
    def of(cls, file: str, base: str, arrays: Arrays, captions: int, persons: int) -> CaptionedPhotos:
        """The photos that these attributes were taken from."""
        photos = cls(file, base)
        photos.arrays, photos.captions, photos.persons = arrays, captions, persons
        return photos

    def add(self, record: PhotoRecord, path: str) -> None:
        """Append a photo; ``path`` is its place on disk, below ``base``. Records come in order, none left out."""
        for text in (path[len(self._base) + 1 :], *record.captions):
            self._text += text.encode("utf-8", "surrogatepass")
            self._starts.append(len(self._text))
        self.captions += len(record.captions) - record.captions.count("")
        self._first.append(len(self._starts) - 1)
        self._ids.append(record.pid)

    def close(self) -> CaptionedPhotos:
        """Relabel the pids once all photos are in; returns itself."""
        raw, labels = np.unique(np.frombuffer(self._ids, np.uint64), return_inverse=True)
        self.persons = len(raw)
        self.arrays = {
            "labels": labels.astype(np.int32),
            "first": np.frombuffer(self._first, np.uint64),
            "starts": np.frombuffer(self._starts, np.uint64),
            "text": np.frombuffer(self._text, np.uint8),
        }
        self._text, self._starts, self._first, self._ids = bytearray(), array("Q"), array("Q"), array("Q")
        return self

    def columns(self) -> Columns:
        """The numbers of all photos. A photo has a partner if one of its captions is not blank.

        Raises:
            DatasetError: as in indexing.
        """
        first, starts = self.arrays["first"], self.arrays["starts"]
        try:
            captioned = starts[first[1:]] > starts[first[:-1] + np.uint64(1)]
        except IndexError as error:
            raise self._damaged() from error
        zeros = np.zeros(len(self), np.uint8)
        partners = captioned.astype(np.uint16) * np.uint16(bit(Modality.TEXT))
        return Columns(self.arrays["labels"], zeros, zeros + np.uint8(Modality.RGB.index), partners)

    def __len__(self) -> int:
        return len(self.arrays["labels"]) if self.arrays else 0

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        """The item, or the list of items of a slice.

        Raises:
            DatasetError: the arrays come from a file that is damaged there.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"Photo {index} of {len(self)}.")
        try:
            path, *captions = self._strings(number)
        except ValueError as error:
            raise self._damaged() from error
        partners = [
            Media(f"{self._file}#{number}.{at}", Modality.TEXT, caption)
            for at, caption in enumerate(captions)
            if caption
        ]
        return Item(Media(os.path.join(self._base, path), partners=partners), int(self.arrays["labels"][number]), 0)

    def _damaged(self) -> DatasetError:
        where = getattr(self.arrays, "path", "memory")
        return DatasetError(f"The photos of {self._file} are damaged in {where}. Delete that file and start again.")

    def _strings(self, number: int) -> list[str]:
        """The path and the captions of a photo."""
        begin, end = self.arrays["first"][number : number + 2].tolist()
        places = self.arrays["starts"][begin : end + 1].tolist()
        text = self.arrays["text"][places[0] : places[-1]].tobytes() if places else b""
        return [
            text[a - places[0] : b - places[0]].decode("utf-8", "surrogatepass")
            for a, b in zip(places, places[1:], strict=False)
        ]
