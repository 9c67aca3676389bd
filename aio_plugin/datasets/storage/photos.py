"""RGB photos by the million, without captions: kept as bytes, made into items one at a time."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import numpy as np

from ...modality import Item, Media
from .columns import Columns
from .lazy_items import LazyItems


class Photos(LazyItems):
    """Training photos in the order they are added.

    Looks like a list of items, but a photo takes its path's bytes and 16 more, a fiftieth of what
    the item would. Pids are relabelled by sorted raw identity.

    Args:
        before: what all paths begin with; the rest is put behind it as it is.
        photos: (rest of the path, raw pid, camid) of each, pids from 0.

    Attributes:
        raw: (P,) the raw identities of pids 0 to P - 1.
        cameras: how many took the photos.
    """

    def __init__(self, before: str, photos: Iterable[tuple[str, int, int]]) -> None:
        self._before = before
        self._text = bytearray()
        self._ends, self._cameras = array("Q"), array("I")
        pids = array("Q")
        for rest, pid, camid in photos:
            self._text += rest.encode("utf-8", "surrogatepass")
            self._ends.append(len(self._text))
            self._cameras.append(camid)
            pids.append(pid)
        self.raw, labels = np.unique(np.asarray(pids), return_inverse=True)
        self._labels = labels.astype(np.int32)
        self.cameras = len(np.unique(np.asarray(self._cameras)))

    def __len__(self) -> int:
        return len(self._labels)

    def item(self, number: int) -> Item:
        """The item at that place."""
        start = self._ends[number - 1] if number else 0
        rest = self._text[start : self._ends[number]].decode("utf-8", "surrogatepass")
        return Item(Media(self._before + rest), int(self._labels[number]), self._cameras[number])

    def columns(self) -> Columns:
        """See :class:`aio_plugin.datasets.storage.columns.Columnar`."""
        none = np.zeros(len(self), np.uint8)  # RGB is the first modality
        return Columns(self._labels, np.asarray(self._cameras), none, none.astype(np.uint16))
