"""Training photos by the million, with or without captions: kept as arrays, made into items one at a time."""

from __future__ import annotations

import hashlib
import json
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError
from ...modality import Item, Media, Modality
from .columns import Columns, bit
from .mmap_arrays import Arrays, digests_of


class StoredPhotos(Sequence[Item]):
    """RGB photos that look like a list of items, in a tenth of its memory with captions, a fiftieth without.

    Args:
        prefix: what the paths of all photos begin with.
        arrays: ``text`` (B,) uint8: the paths without ``prefix``, each with the photo's captions behind it;
            ``starts`` (S + 1,) uint64: where each of these strings begins in ``text``. The others are optional:
            ``first`` (N + 1,) uint64: which string is the path of each photo, where photos have captions;
            ``pids`` (N,) int32, without which a photo's position is its pid, and ``identities`` (P,) uint64, the raw
            identity of each pid; ``camids`` (N,) uint32, without which all are 0; ``numbers`` (S,) uint64: the
            number of each caption in its file, where that does not follow from the photo; ``kept`` (M,) int64:
            the photos there are, if not all N.
        files: annotation file -> how many of the N photos it lists, in order.
        captions: how many there are, blank ones left out.
    """

    def __init__(self, prefix: str, arrays: Arrays, files: Mapping[str, int], captions: int) -> None:
        self.prefix, self.arrays, self.captions = prefix, arrays, captions
        self._files, self._ends = files, list(accumulate(files.values()))
        self._text, self._starts = arrays["text"], arrays["starts"]
        self._first, self._kept, self._numbers = arrays.get("first"), arrays.get("kept"), arrays.get("numbers")
        self._pids, self._camids = arrays.get("pids"), arrays.get("camids")

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredPhotos, (self.prefix, self.arrays, self._files, self.captions)

    @property
    def persons(self) -> int:
        """How many identities the photos have."""
        return len(self.arrays["identities"])

    @property
    def cameras(self) -> int:
        """How many cameras took the photos."""
        return len(np.unique(self.arrays["camids"])) if "camids" in self.arrays else 1

    def columns(self) -> Columns:
        """See :class:`aio_plugin.datasets.storage.columns.Columnar`. A partner is a caption that is not blank.

        Raises:
            DatasetError: as in indexing.
        """
        none = np.zeros(len(self), np.uint8)
        partners = none.astype(np.uint16)
        if self._first is not None:
            try:
                captioned = self._starts[self._first[1:]] > self._starts[self._first[:-1] + np.uint64(1)]
            except IndexError as error:
                raise self._damaged() from error
            partners = captioned[slice(None) if self._kept is None else self._kept] * np.uint16(bit(Modality.TEXT))
        pids = np.arange(len(self)) if self._pids is None else self._pids
        camids = none if self._camids is None else self._camids
        return Columns(pids, camids, none + np.uint8(Modality.RGB.index), partners)

    def digest(self) -> str:
        """A sha256 over all items in their order, which does not depend on where they lie."""
        return hashlib.sha256(json.dumps(digests_of(self.arrays), sort_keys=True).encode()).hexdigest()

    def __len__(self) -> int:
        if self._kept is not None:
            return len(self._kept)
        return len(self._starts if self._first is None else self._first) - 1

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
            return [self._item(number) for number in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"Photo {index} of {len(self)}.")
        return self._item(number)

    def _item(self, number: int) -> Item:
        at = number if self._kept is None else int(self._kept[number])
        try:
            begin, end = (at, at + 1) if self._first is None else self._first[at : at + 2].tolist()
            path, *captions = self._strings(begin, end)
            partners = [
                Media(caption_path, Modality.TEXT, caption)
                for caption_path, caption in zip(self._caption_paths(at, begin + 1, end), captions, strict=True)
                if caption
            ]
        except ValueError as error:
            raise self._damaged() from error
        pid = number if self._pids is None else int(self._pids[number])
        camid = 0 if self._camids is None else int(self._camids[number])
        return Item(Media(self.prefix + path, partners=partners), pid, camid)

    def _strings(self, begin: int, end: int) -> Iterator[str]:
        places = self._starts[begin : end + 1].tolist()
        for start, stop in pairwise(places):
            yield self._text[start:stop].tobytes().decode("utf-8", "surrogatepass")

    def _caption_paths(self, photo: int, begin: int, end: int) -> list[str]:
        """``<file>#<record>.<caption>`` or, where captions have numbers, ``<file>#<number>``."""
        if begin >= end:
            return []
        at = bisect_right(self._ends, photo)
        file = tuple(self._files)[at]
        if self._numbers is not None:
            return [f"{file}#{number}" for number in self._numbers[begin:end].tolist()]
        record = photo - self._ends[at - 1] if at else photo
        return [f"{file}#{record}.{index}" for index in range(end - begin)]

    def _damaged(self) -> DatasetError:
        where = getattr(self.arrays, "path", "memory")
        return DatasetError(
            f"The photos of {', '.join(self._files)} are damaged in {where}. Delete it and start again."
        )


class PhotoStore:
    """Collects photos one by one.

    Args:
        prefix: what the paths of all photos begin with.
        photos: (path without ``prefix``, raw identity, camid) of photos without captions.
    """

    def __init__(self, prefix: str, photos: Iterable[tuple[str, int, int]] = ()) -> None:
        self.prefix, self.captions = prefix, 0
        self._text = bytearray()
        self._starts, self._first, self._numbers = array("Q", [0]), array("Q", [0]), array("Q")
        self._identities, self._camids = array("Q"), array("I")
        for photo in photos:
            self.add(*photo)

    def __len__(self) -> int:
        return len(self._identities)

    def add(
        self,
        path: str,
        identity: int,
        camid: int = 0,
        captions: Sequence[str] = (),
        numbers: Iterable[int] | None = None,
    ) -> None:
        """Append a photo.

        Args:
            path: without the prefix.
            captions: its captions; a blank one keeps its number but does not become a partner.
            numbers: of each caption in its file, for all photos or for none.
        """
        for text in (path, *captions):
            self._text += text.encode("utf-8", "surrogatepass")
            self._starts.append(len(self._text))
        self.captions += sum(map(bool, captions))
        self._first.append(len(self._starts) - 1)
        if numbers is not None:
            self._numbers.extend((0, *numbers))
        self._identities.append(identity)
        self._camids.append(camid)

    def photos(self, files: Mapping[str, int] | None = None) -> StoredPhotos:
        """The photos, with pids in the order of the raw identities.

        Args:
            files: annotation file -> how many of the photos it lists, in order.
        """
        arrays = self._arrays()
        arrays["identities"], pids = np.unique(np.asarray(self._identities), return_inverse=True)
        arrays["pids"] = pids.astype(np.int32)
        return StoredPhotos(self.prefix, arrays, files or {}, self.captions)

    def unidentified_photos(self, files: Mapping[str, int], kept: NDArray[np.int64]) -> StoredPhotos:
        """The photos, each a person by itself.

        Args:
            files: as for :meth:`photos`.
            kept: (M,) ascending positions of the photos to keep.
        """
        arrays, captions = self._arrays(), self.captions
        if len(kept) < len(self):
            arrays["kept"] = kept
            first = np.asarray(self._first[:-1]).astype(np.int64)
            strings = np.add.reduceat(np.diff(arrays["starts"]) > 0, first, dtype=np.int64)  # not blank, of each photo
            captions = int(strings[kept].sum()) - len(kept)  # without the paths
        return StoredPhotos(self.prefix, arrays, files, captions)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {
            "text": np.frombuffer(self._text, np.uint8),
            "starts": np.asarray(self._starts),
        }
        if len(self._starts) > len(self._first):
            arrays["first"] = np.asarray(self._first)
        if self._numbers:
            arrays["numbers"] = np.asarray(self._numbers)
        if any(self._camids):
            arrays["camids"] = np.asarray(self._camids)
        return arrays
