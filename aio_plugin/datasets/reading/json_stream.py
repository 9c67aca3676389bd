"""JSON of any size read by ijson, one element in memory at a time, within bounds on nesting and length."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, BinaryIO

import ijson

BLOCK = 1 << 15
"""Bytes read at a time."""
DEEPEST = 400
"""Levels of nested lists and objects. The parser's memory grows with the square of them: 20,000 take a gigabyte."""
LONGEST = 1 << 26
"""Bytes of an element, and so of a string or a number."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""An escape sequence, a surrogate pair as one; half of a pair by itself is group 1."""
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_LONGEST_ESCAPE = 12
_UNMARKED = bytes(set(range(256)) - set(b"[]{}\\"))


def list_elements(stream: BinaryIO) -> Iterator[Any]:
    """The elements of the one list that UTF-8 JSON text consists of.

    Half of a surrogate pair, which JSON can write and UTF-8 cannot, becomes ``?``.

    Raises:
        ValueError: the text is not JSON, is not a list, or exceeds a bound. Elements before a fault have been
            yielded, those before an exceeded bound up to a block before it.
    """
    first = _first_character(stream)
    if first not in (b"[", b""):
        raise ValueError(f"expected '[', got {first.decode('ascii', 'backslashreplace')!r}")
    return _bounded(ijson.items, stream, "item", LONGEST)


def member_elements(stream: BinaryIO, key: str) -> Iterator[Any]:
    """The elements of the lists under ``key`` of every object that the text consists of, however long other keys are.

    Raises:
        ValueError: as :func:`list_elements`.
    """
    return _bounded(ijson.items, stream, f"{key}.item", multiple_values=True)


def members(stream: BinaryIO) -> Iterator[tuple[str, Any]]:
    """The keys and values of the one object that the text consists of.

    Raises:
        ValueError: as :func:`list_elements`.
    """
    return _bounded(ijson.kvitems, stream, "", LONGEST)


def _first_character(stream: BinaryIO) -> bytes:
    """The first byte that is neither white space nor of a byte order mark, and go there; b"" if there is none."""
    stream.seek(0)
    stream.seek(3 if stream.read(3) == BYTE_ORDER_MARK else 0)
    while (first := stream.read(1)).isspace():
        pass
    stream.seek(-len(first), 1)
    return first


def _bounded(parse: Any, stream: BinaryIO, path: str, longest: float = math.inf, **options: bool) -> Iterator[Any]:
    """What a function of ijson makes of the text."""
    _first_character(stream)
    bounded = _BoundedStream(stream, longest)
    try:
        for element in parse(bounded, path, use_float=True, **options):
            bounded.start_element()
            yield element
        if bounded.quotes % 2:  # which the parser does not see behind a complete text
            raise ValueError("a string does not end")
    except ijson.JSONError as error:  # its message can be the repr of bytes, and shows the text in further lines
        raise ValueError(re.split(r"\\n|\n", str(error).removeprefix("b'"))[0]) from error


class _BoundedStream:
    """A stream that raises ValueError before the parser's memory grows with what is wrong in the text.

    Brackets inside strings count as others do: the depth is reset with each element, so that they do not add up.

    Attributes:
        quotes: how many were read, but for escaped ones.
    """

    def __init__(self, stream: BinaryIO, longest: float) -> None:
        self._stream, self._longest = stream, longest
        self._unquoted = self.quotes = 0
        self.start_element()

    def start_element(self) -> None:
        """The element before is complete."""
        self._length = self._depth = 0

    def read(self, size: int) -> bytes:
        """The next block, whatever ``size`` says; nothing for size 0. No escape sequence is split."""
        block = self._stream.read(min(size, BLOCK))
        while b"\\" in block[-_LONGEST_ESCAPE:] and len(block) < BLOCK + 4096 and (more := self._stream.read(64)):
            block += more
        self._length += len(block)
        if self._length > self._longest:
            raise ValueError(f"an element is longer than {self._longest:,} bytes")
        unescaped = _ESCAPED.sub(b"xx", block) if b'\\"' in block else block
        self.quotes += unescaped.count(b'"')
        if self._longest == math.inf:
            self._bound_values(unescaped)
        marks = block.translate(None, _UNMARKED)
        opened = marks.count(b"[") + marks.count(b"{")
        if self._depth + opened > DEEPEST and self._depth + _deepest(marks) > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST:,} levels deep")
        self._depth = max(0, self._depth + opened - marks.count(b"]") - marks.count(b"}"))
        if b"\\" in marks and (b"\\ud" in block or b"\\uD" in block):
            block = _ESCAPE.sub(lambda match: b"?" if match[1] else match[0], block)
        return block

    def _bound_values(self, unescaped: bytes) -> None:
        """Raise ValueError if a string or number is longer than :data:`LONGEST`, where elements may be."""
        quote = unescaped.rfind(b'"')
        self._unquoted = len(unescaped) - quote - 1 + (self._unquoted if quote < 0 else 0)
        if self._unquoted > LONGEST:
            raise ValueError(f"a string or number is longer than {LONGEST:,} bytes")


def _deepest(marks: bytes) -> int:
    """How many more brackets are opened than closed, where that is largest."""
    return max(accumulate((mark in b"[{") - (mark in b"]}") for mark in marks), default=0)
