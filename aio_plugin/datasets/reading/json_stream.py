"""The elements of a JSON list of any size, one in memory at a time, at the speed of the standard library."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

BLOCK = 1 << 19
"""Bytes read at a time."""
LONGEST = 1 << 28
"""Characters of an element, at most: what never closes its quotes must not fill the memory."""
LONGEST_WORD = 10
"""Characters of the longest thing that cannot be told from an error when the text breaks off in it: ``-Infinity``."""
SPACES = re.compile(r"[ \t\n\r]*")


def elements(stream: BinaryIO) -> Iterator[Any]:
    """The elements of the one list that UTF-8 JSON text consists of, as :func:`json.loads` makes them.

    Raises:
        ValueError: the text is no JSON or no list; says why and after how many characters. Everything
            before the fault has been yielded.
    """
    window = _Window(stream)
    window.expect("[")
    if window.peek() == "]":
        window.at += 1
    else:
        while True:
            yield window.value()
            if window.expect(",]") == "]":
                break
            window.peek()
    if window.peek():
        raise window.fault(f"{window.peek()!r} behind the end of the list", window.at)


class _Window:
    """A stretch of the stream's text, ``at`` is how far it is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._text, self.at, self._before = "", 0, 0
        self._bytes = codecs.getincrementaldecoder("utf-8")()
        self._broken: ValueError | None = None
        self._decode = json.JSONDecoder(parse_constant=_refuse).raw_decode

    def peek(self) -> str:
        """The next character that is no space, and go there; "" at the end of the stream."""
        while True:
            space = SPACES.match(self._text, self.at)
            assert space is not None  # it matches the empty string
            self.at = space.end()
            if self.at < len(self._text):
                return self._text[self.at]
            if not self._more():
                return ""

    def expect(self, characters: str) -> str:
        """Step over the next character, which must be one of these, and return it."""
        found = self.peek()
        if not found or found not in characters:
            wanted = " or ".join(map(repr, characters))
            raise self.fault(f"expected {wanted}, got {repr(found) if found else 'the end of the file'}", self.at)
        self.at += 1
        return found

    def value(self) -> Any:
        """The value that begins here; step over it."""
        while True:
            try:
                value, end = self._decode(self._text, self.at)
            except json.JSONDecodeError as error:
                if not (self._cut(error) and self._more()):
                    raise self.fault(error.msg, error.pos) from error
            except RecursionError as error:
                raise self.fault("nested too deeply", self.at) from error
            except ValueError as error:
                raise self.fault(str(error), self.at) from error
            else:
                whole = not isinstance(value, int | float) or end <= len(self._text) - LONGEST_WORD
                if whole or not self._more():  # 1 may go on as 1e-5
                    self.at = end
                    return value

    def fault(self, reason: str, at: int) -> ValueError:
        """The error to raise for a fault at a place in the window."""
        return ValueError(f"{reason} (character {self._before + at})")

    def _cut(self, error: json.JSONDecodeError) -> bool:
        """Whether the error may be just that the window ends."""
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - LONGEST_WORD

    def _more(self) -> bool:
        """Drop what is read and read on; False, and nothing is changed, at the end of the stream."""
        if self._broken:
            raise self._broken
        left = len(self._text) - self.at
        if left > LONGEST:
            raise self.fault(f"an element longer than {LONGEST} characters", self.at)
        block = self._stream.read(max(BLOCK, left))  # of a long element as much again, lest it be tried too often
        try:
            text = self._bytes.decode(block, final=not block)
        except UnicodeDecodeError as error:
            text = error.object[: error.start].decode("utf-8")  # what comes before is read first
            self._broken = self.fault(f"no UTF-8: {error.reason}", len(self._text) + len(text))
            if not text:
                raise self._broken from error
        if not block and not text:
            return False
        self._text, self._before, self.at = self._text[self.at :] + text, self._before + self.at, 0
        return True


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
