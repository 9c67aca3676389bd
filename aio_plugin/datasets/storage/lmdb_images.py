"""Images packed into an LMDB folder: ``<folder>/data.mdb#<key>`` is the path of one of them.

The part before ``#`` is a real file and the key names one of its values, so that such a path can be used like
any image's path; code that opens images calls :func:`image_source` first.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from ...errors import DatasetError, MediaError
from ..reading.checks import import_package

FILE = "data.mdb"
MARK = f"{FILE}#"
OPEN_AT_ONCE = 8


def prefix(folder: str) -> str:
    """The part before the key in the paths of a folder's images."""
    return os.path.join(folder, MARK)


def image_source(path: str) -> str | io.BytesIO:
    """What PIL opens for an image's path: the path itself, or the bytes of a packed image.

    Raises:
        MediaError: the folder has no such key; names both.
        DatasetError: the folder is not an LMDB, is truncated or damaged, or the package lmdb is not installed.
    """
    before, mark, key = path.partition(MARK)
    if not mark:
        return path
    folder = os.path.normpath(before)
    with _reading(folder) as transaction:
        value = transaction.get(key.encode("utf-8", "surrogatepass")) if key else None
        if value is None:
            raise MediaError(f"{folder} holds no image {key!r}. Complete the download, or remove the key.")
        return io.BytesIO(value)


def held(folder: str, keys: Iterable[str]) -> Iterator[bool]:
    """For each key whether the folder has an image of at least one byte under it.

    Raises:
        DatasetError: see :func:`image_source`.
    """
    with _reading(folder) as transaction:
        for key in keys:
            yield bool(transaction.get(key.encode("utf-8", "surrogatepass")) if key else None)


@contextmanager
def _reading(folder: str) -> Iterator[Any]:
    """A transaction; a damaged page is a DatasetError."""
    environment = _environment(folder)
    try:
        with environment.begin(buffers=True) as transaction:
            yield transaction
    except import_package("lmdb", f"The images in {folder} need").Error as error:
        raise DatasetError(f"{folder} is damaged: {error}. Restore {FILE} in it.") from error


@lru_cache(maxsize=OPEN_AT_ONCE)
def _environment(folder: str) -> Any:
    """The folder opened for reading; LMDB can open a folder once in a process."""
    lmdb = import_package("lmdb", f"The images in {folder} need")
    try:
        environment = lmdb.open(folder, readonly=True, lock=False, readahead=False, meminit=False)
    except lmdb.Error as error:
        raise DatasetError(f"{folder} cannot be opened as an LMDB: {error}. Restore {FILE} in it.") from error
    needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    size = os.path.getsize(os.path.join(folder, FILE))
    if size < needed:  # reading a page that the file lacks would kill the process
        environment.close()
        raise DatasetError(f"{folder}/{FILE} is truncated: {size:,} of {needed:,} bytes. Complete the download.")
    return environment


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_environment.cache_clear)  # a forked worker must open its own
