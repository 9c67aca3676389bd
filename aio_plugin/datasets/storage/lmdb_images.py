"""Images packed into an LMDB folder: ``<folder>/data.mdb#<key>`` is the path of one of them.

The part before ``#`` is a real file and the key names one of its values, so that such a path can be used like
any image's path; code that opens images calls :func:`image_source` first.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from ...errors import DatasetError, MediaError
from .lmdb_file import LMDBFile

FILE = "data.mdb"
MARK = f"{FILE}#"
OPEN_AT_ONCE = 8
SORTED_AT_ONCE = 1 << 16
"""Keys that are looked for in their order, which is faster."""


def prefix(folder: str) -> str:
    """The part before the key in the paths of a folder's images."""
    return os.path.join(folder, MARK)


def image_source(path: str) -> str | io.BytesIO:
    """What PIL opens for an image's path: the path itself, or the bytes of a packed image.

    Raises:
        MediaError: the folder has no such key; names both.
        DatasetError: the folder is not an LMDB, or is truncated or damaged.
    """
    before, mark, key = path.partition(MARK)
    if not mark:
        return path
    folder = os.path.normpath(before)
    with _reading(folder) as images:
        value = images.value(_bytes(key)) if key else None
    if value is None:
        raise MediaError(f"{folder} holds no image {key!r}. Complete the download, or remove the key.")
    return io.BytesIO(value)


def held(folder: str, keys: Sequence[str]) -> Iterator[bool]:
    """For each key whether the folder has an image of at least one byte under it.

    Raises:
        DatasetError: see :func:`image_source`.
    """
    with _reading(folder) as images:
        for start in range(0, len(keys), SORTED_AT_ONCE):
            some = [_bytes(key) for key in keys[start : start + SORTED_AT_ONCE]]
            order = sorted(set(some))
            sizes = dict(zip(order, images.sizes(order), strict=True))
            yield from (sizes[key] > 0 for key in some)


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


@contextmanager
def _reading(folder: str) -> Iterator[LMDBFile]:
    """The folder opened for reading; what is wrong with it is a DatasetError."""
    try:
        images = _opened(folder)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{folder} cannot be opened as an LMDB: {error}. Restore {FILE} in it.") from error
    try:
        yield images
    except ValueError as error:
        raise DatasetError(f"{folder} is damaged: {error}. Restore {FILE} in it.") from error


@lru_cache(maxsize=OPEN_AT_ONCE)
def _opened(folder: str) -> LMDBFile:
    return LMDBFile(os.path.join(folder, FILE))
