"""Files that others wrote: read if they are regular files of a bounded size, and nothing else happens."""

from __future__ import annotations

import errno
import json
import os
import stat
from typing import Any, BinaryIO

MOST_JSON = 1 << 26
"""Bytes of a JSON document that is parsed whole."""


def open_regular(path: str | os.PathLike[str], most: float = float("inf")) -> BinaryIO:
    """A file opened for reading; never a device, nor a pipe, which could block for ever.

    Args:
        most: bytes that it may have.

    Raises:
        OSError: it cannot be opened, is not a regular file, or is larger.
    """
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", os.fspath(path))
        if status.st_size > most:
            raise OSError(errno.EFBIG, f"{status.st_size:,} bytes are more than {most:,}", os.fspath(path))
        return os.fdopen(opened, "rb")
    except BaseException:
        os.close(opened)
        raise


def read_json(path: str | os.PathLike[str], most: int = MOST_JSON) -> Any:
    """The content of a JSON file of at most ``most`` bytes.

    Raises:
        OSError: as :func:`open_regular`.
        ValueError: it is not JSON, or exceeds the parser's bounds on nesting and on the length of numbers.
    """
    with open_regular(path, most) as file:
        return parse_json(file.read(most))


def parse_json(text: str | bytes) -> Any:
    """The value of JSON text.

    Raises:
        ValueError: it is not JSON, or exceeds the parser's bounds on nesting and on the length of numbers.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
