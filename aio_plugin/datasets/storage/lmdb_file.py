"""LMDB's ``data.mdb`` read page by page, each checked as it is used: no file can crash the process.

LMDB's own library follows whatever the file holds, and a damaged page ends in a segmentation fault. The format is that
of LMDB 0.9 on a 64-bit little-endian machine: two pages that describe the database, then a B+ tree of pages with
sorted keys; a large value has pages of its own.
"""

from __future__ import annotations

import bisect
import mmap
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...outside_files import open_regular

MAGIC, VERSION = 0xBEEFC0DE, 1
BRANCH, LEAF, OVERFLOW, META, WRITTEN = 1, 2, 4, 8, 16
"""Kinds of pages, and a flag that may be left beside."""
BIG, PLAIN = 1, 0
"""Flags of a node whose value has pages of its own, and of one that holds it."""
PAGE_SIZES = tuple(1 << power for power in range(9, 17))
DEEPEST, MOST_BYTES = 32, 1 << 29
"""Levels of the tree, and bytes of a value."""
_PAGE, _NODE, _NUMBER = struct.Struct("<QHHHH"), struct.Struct("<HHHH"), struct.Struct("<Q")
_META = struct.Struct("<II16xI44xIHH32xQQQ")
"""Magic number, version; size of a page; flags, depth and root of the database; last page, transaction."""


class _Meta(NamedTuple):
    magic: int
    version: int
    page_size: int
    padding: int
    flags: int
    depth: int
    root: int
    last_page: int
    transaction: int


class _Page(NamedTuple):
    """Its bytes, its kind, and where its nodes begin, in the order of their keys."""

    data: bytes
    kind: int
    starts: tuple[int, ...]

    def node(self, start: int) -> tuple[int, int, int, bytes]:
        """The two halves of the size of its value, or three of the number of its page; its key."""
        if start + _NODE.size > len(self.data):
            raise ValueError("a node leaves its page")
        low, high, flags, length = _NODE.unpack_from(self.data, start)
        key = self.data[start + _NODE.size : start + _NODE.size + length]
        if len(key) != length:
            raise ValueError("a key leaves its page")
        return low, high, flags, key

    def key(self, start: int) -> bytes:
        """The key of a node."""
        return self.node(start)[3]


class LMDBFile:
    """The values of an LMDB environment's unnamed database.

    Args:
        path: of ``data.mdb``.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is not such a file, or is cut short.
    """

    def __init__(self, path: str) -> None:
        with open_regular(path) as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            first = self._meta(0)
            self.meta = max(first, self._meta(first.page_size), key=lambda meta: meta.transaction)
        except struct.error as error:
            raise ValueError("it is cut short") from error
        if self.meta.flags:
            raise ValueError("its keys are sorted in a way of their own")
        needed = (self.meta.last_page + 1) * self.meta.page_size
        if len(self._data) < needed:
            raise ValueError(f"it is truncated: {len(self._data):,} of {needed:,} bytes")

    def value(self, key: bytes) -> bytes | None:
        """The value under a key, if there is one.

        Raises:
            ValueError: the file is damaged.
        """
        page = self._leaf(key)
        at = 0 if page is None else bisect.bisect_left(page.starts, key, key=page.key)
        if page is None or at == len(page.starts):
            return None
        low, high, flags, found = page.node(page.starts[at])
        if found != key:
            return None
        size, start = low + (high << 16), page.starts[at] + _NODE.size + len(key)
        if size > MOST_BYTES:
            raise ValueError(f"a value has {size:,} bytes")
        if flags == PLAIN:
            value = page.data[start : start + size]
        elif flags == BIG and start + _NUMBER.size <= len(page.data):
            (number,) = _NUMBER.unpack_from(page.data, start)
            start, kind, _ = self._header(number)
            value = self._data[start + _PAGE.size : start + _PAGE.size + size] if kind == OVERFLOW else b""
        else:
            raise ValueError("a value is of a kind that image databases do not have")
        if len(value) != size:
            raise ValueError("a value leaves the file")
        return value

    def sizes(self, keys: Iterable[bytes]) -> Iterator[int]:
        """The bytes of the values under some keys, 0 where there is none; fast if the keys are sorted.

        Raises:
            ValueError: the file is damaged.
        """
        sizes: dict[bytes, int] = {}
        first = last = b""
        for key in keys:
            if not first <= key <= last or not sizes:
                page = self._leaf(key)
                nodes = [page.node(start) for start in page.starts] if page else []
                sizes = {found: low + (high << 16) for low, high, _, found in nodes}
                first, last = (nodes[0][3], nodes[-1][3]) if nodes else (b"", b"")
            yield sizes.get(key, 0)

    def _meta(self, start: int) -> _Meta:
        _, _, flags, *_ = _PAGE.unpack_from(self._data, start)
        meta = _Meta(*_META.unpack_from(self._data, start + _PAGE.size))
        if flags != META or meta[:2] != (MAGIC, VERSION) or meta.page_size not in PAGE_SIZES:
            raise ValueError("it is not an LMDB file of a 64-bit machine")
        return meta

    def _leaf(self, key: bytes) -> _Page | None:
        """The page that has the key, if any has."""
        number = self.meta.root
        if number == 2**64 - 1:
            return None  # an empty database
        for _ in range(DEEPEST):
            page = self._page(number)
            if page.kind == LEAF:
                return page
            at = bisect.bisect_right(page.starts, key, min(1, len(page.starts)), key=page.key)
            low, high, flags, _ = page.node(page.starts[at - 1])
            number = low + (high << 16) + (flags << 32)
        raise ValueError("its pages form a circle")

    def _page(self, number: int) -> _Page:
        """A page of the tree."""
        start, kind, end = self._header(number)
        data = self._data[start : start + self.meta.page_size]
        if kind not in (BRANCH, LEAF) or not _PAGE.size < end <= len(data):
            raise ValueError(f"page {number:,} is damaged")
        return _Page(data, kind, struct.unpack_from(f"<{(end - _PAGE.size) // 2}H", data, _PAGE.size))

    def _header(self, number: int) -> tuple[int, int, int]:
        """Where a page begins, its kind, and where its list of nodes ends."""
        start = number * self.meta.page_size
        if number <= self.meta.last_page:
            itself, _, flags, end, _ = _PAGE.unpack_from(self._data, start)
            if itself == number:
                return start, flags & ~WRITTEN, end
        raise ValueError(f"page {number:,} is missing or damaged")
