"""FineGPR photos with their captions, by the hundred thousand: kept as bytes, made into items one at a time."""

from __future__ import annotations

import os
from array import array

import numpy as np
from numpy.typing import NDArray

from ...modality import Item, Media, Modality
from ..reading.finegpr import EXAMPLE, PATTERN, conditions, of
from ..reading.finegpr_captions import read_captions
from ..reading.lists import Names
from .lazy_items import LazyItems
from .photos import Photos
from .unidentified import first_of_each


class Captions:
    """The captions of a file by the key of their image; a caption takes its bytes and 24 more.

    Args:
        dataset: its name, for messages.
        file: in any form that :func:`read_captions` reads; the order of the captions of an image is the file's.

    Attributes:
        repeated, blank: captions left out.

    Raises:
        DatasetError: the file is malformed, or names no image as FineGPR does.
    """

    def __init__(self, dataset: str, file: str) -> None:
        self.dataset, self.file, self.blank = dataset, file, 0
        names = Names(PATTERN, f"{dataset} images in {os.path.basename(file)}", EXAMPLE)
        self._text, self._ends, self._numbers = bytearray(), array("Q"), array("Q")
        keys, same = array("q"), array("q")
        for number, image, text in read_captions(file):
            match = names.match(image.replace("\\", "/").rsplit("/", 1)[-1], image)
            self.blank += not text
            if match and text:
                self._text += text.encode("utf-8", "surrogatepass")
                self._ends.append(len(self._text))
                self._numbers.append(number)
                keys.append(of(match).key)
                same.append(hash((keys[-1], text)))
        self._off = names.notes()
        kept = first_of_each(same)
        self.repeated = len(same) - len(kept)
        by_key = np.argsort(np.asarray(keys)[kept], kind="stable")
        self._order: NDArray[np.int64] = kept[by_key]
        self.keys: NDArray[np.int64] = np.asarray(keys)[self._order]

    def of(self, key: int) -> list[Media]:
        """The captions of an image; none if it has none."""
        start, end = np.searchsorted(self.keys, key, "left"), np.searchsorted(self.keys, key, "right")
        return [
            Media(f"{self.file}#{self._numbers[at]}", Modality.TEXT, self._get(at))
            for at in self._order[start:end].tolist()
        ]

    def count(self, keys: array[int]) -> int:
        """How many captions the images of these keys have."""
        return int(np.isin(self.keys, np.asarray(keys)).sum())

    def notes(self, images: array[int]) -> list[str]:
        """What was left out; ``images`` are the keys of all images there are."""
        notes = list(self._off)
        if self.repeated:
            notes.append(f"{self.dataset}: {self.repeated} captions that stand twice for one image count once")
        if self.blank:
            notes.append(f"{self.dataset}: {self.blank} blank captions are left out")
        here, written = np.asarray(images), np.unique(self.keys)
        bare, alone = len(np.setdiff1d(here, written)), len(np.setdiff1d(written, here))
        if bare:
            notes.append(f"{self.dataset}: {bare:,} of {len(here):,} images have no caption and are left out")
        if alone:
            notes.append(f"{self.dataset}: {alone:,} of {len(written):,} captioned images are not there")
        return notes

    def _get(self, at: int) -> str:
        start = self._ends[at - 1] if at else 0
        return self._text[start : self._ends[at]].decode("utf-8", "surrogatepass")


class WithCaptions(LazyItems):
    """``photos`` with their captions as partners."""

    def __init__(self, photos: Photos, captions: Captions) -> None:
        self._photos, self._captions = photos, captions

    def __len__(self) -> int:
        return len(self._photos)

    def item(self, number: int) -> Item:
        """The item at that place."""
        item = self._photos.item(number)
        path = str(item.media)
        return item._replace(media=Media(path, partners=self._captions.of(conditions(path).key)))
