"""Images packed into an LMDB folder: ``<folder>/data.mdb#<key>`` is the path of one of them.

The part before ``#`` is a real file and the key says which of its values, so that such a path goes
wherever an image's path goes; whoever opens images asks :func:`image_source` first.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from ...errors import DatasetError, MediaError
from ..reading.imports import import_package

FILE = "data.mdb"
MARK = f"{FILE}#"
OPEN_AT_ONCE = 8


def prefix(folder: str) -> str:
    """What stands before the key in the paths of a folder's images."""
    return os.path.join(folder, MARK)


def image_source(path: str) -> str | io.BytesIO:
    """What PIL opens for an image's path: the path, or the bytes behind it where they are packed.

    Raises:
        MediaError: the folder has no such key; names both.
        DatasetError: the folder is no LMDB, is cut short, or the package lmdb is not installed.
    """
    before, mark, key = path.partition(MARK)
    if not mark:
        return path
    folder = os.path.normpath(before)
    with _environment(folder).begin(buffers=True) as transaction:
        value = transaction.get(key.encode("utf-8", "surrogatepass")) if key else None
        if value is None:
            raise MediaError(f"{folder} holds no image {key!r}. Complete the download, or remove the key.")
        return io.BytesIO(value)


def held(folder: str, keys: Iterable[str]) -> Iterator[bool]:
    """For each key whether the folder has an image of at least one byte under it.

    Raises:
        DatasetError: see :func:`image_source`.
    """
    with _environment(folder).begin(buffers=True) as transaction:
        for key in keys:
            yield bool(transaction.get(key.encode("utf-8", "surrogatepass")) if key else None)


@lru_cache(maxsize=OPEN_AT_ONCE)
def _environment(folder: str) -> Any:
    """The folder opened for reading; LMDB opens a folder once a process."""
    lmdb = import_package("lmdb", f"The images in {folder} need")
    try:
        environment = lmdb.open(folder, readonly=True, lock=False, readahead=False, meminit=False)
    except lmdb.Error as error:
        raise DatasetError(f"{folder} cannot be opened as an LMDB: {error}. Restore {FILE} in it.") from error
    needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    size = os.path.getsize(os.path.join(folder, FILE))
    if size < needed:  # reading a page that the file lacks would kill the process
        environment.close()
        raise DatasetError(f"{folder}/{FILE} is cut short: {size:,} of {needed:,} bytes. Complete the download.")
    return environment


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_environment.cache_clear)  # a forked worker must open its own
