"""Files that others wrote: read if they are regular files of a bounded size, and nothing else happens."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO

MOST_JSON, MOST_YAML = 1 << 26, 1 << 18
"""Bytes of a JSON or YAML document that is parsed whole."""
MOST_NODES = 10**5
"""Values of a YAML document with its aliases written out."""
LONGEST_LINE = 1 << 20
"""Characters."""


def open_regular(path: str | os.PathLike[str], most: float = float("inf"), follow: bool = True) -> BinaryIO:
    """A file opened for reading; never a device, nor a pipe, which could block for ever.

    Args:
        most: bytes that it may have.
        follow: whether it may be a link; what we wrote ourselves is none.

    Raises:
        OSError: it cannot be opened, is not a regular file, or is larger.
    """
    flags = ("O_NONBLOCK", "O_BINARY", *(() if follow else ("O_NOFOLLOW",)))
    opened = os.open(path, os.O_RDONLY | sum(getattr(os, flag, 0) for flag in flags))
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


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The sha256 of a file, read a block at a time; OSError as :func:`open_regular`."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def lies_below(path: str, folder: str) -> bool:
    """Whether a path, as it is written, is below a folder; links count as what they are called."""
    return os.path.abspath(path).startswith(os.path.join(os.path.abspath(folder), ""))


def text_lines(path: str | os.PathLike[str], newline: str | None = None, cut: int = 0) -> Iterator[str]:
    """The lines of a file of UTF-8 text, with their ends.

    Args:
        newline: as for :func:`open`.
        cut: characters after which a longer line is cut, if it is not to be refused.

    Raises:
        OSError: as :func:`open_regular`.
        ValueError: it is not UTF-8, or a line is longer than :data:`LONGEST_LINE`.
    """
    with open_regular(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline=newline) as text:
        for number, line in enumerate(iter(lambda: text.readline(cut or LONGEST_LINE + 1), ""), 1):
            if len(line) > LONGEST_LINE:
                raise ValueError(f"line {number} is longer than {LONGEST_LINE:,} characters")
            yield line


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


def read_yaml(path: str | os.PathLike[str], unique: bool = False) -> Any:
    """The content of a YAML file of plain values.

    Args:
        unique: refuse a key that stands twice in one mapping.

    Raises:
        OSError: as :func:`open_regular`.
        ValueError: it is not YAML, has more than :data:`MOST_NODES` values, or a key twice; says where.
    """
    import yaml  # which few users of this module need

    with open_regular(path, MOST_YAML) as file:
        text = file.read(MOST_YAML).decode("utf-8-sig")
    try:
        loader = yaml.SafeLoader(text)  # looks at the characters
        node = loader.get_single_node()
        if node is None:
            return None
        if _values(node, {}) > MOST_NODES:
            raise ValueError(f"it has more than {MOST_NODES:,} values")
        if unique:
            _require_unique(node)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{where}{error.problem}") from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _require_unique(node: Any) -> None:
    """Raise ValueError for the first key of a YAML node that stands twice in one mapping."""
    keys: set[str] = set()
    for each in node.value if isinstance(node.value, list) else ():
        if type(each) is tuple:
            key, inner = each
            if isinstance(key.value, str) and key.value in keys:
                raise ValueError(
                    f"line {key.start_mark.line + 1}: the key {key.value!r} stands twice; keep one of them"
                )
            keys.add(str(key.value))
        _require_unique(inner if type(each) is tuple else each)


def _values(node: Any, counted: dict[int, float]) -> float:
    """How many values a YAML node has with its aliases written out."""
    key = id(node)
    if key not in counted:
        counted[key] = math.inf  # what contains itself has no end
        inner = node.value if isinstance(node.value, list) else ()
        counted[key] = 1 + sum(
            _values(n, counted) for each in inner for n in (each if type(each) is tuple else (each,))
        )
    return counted[key]
