"""Pickle files of lists and dictionaries of strings, bytes and numbers, read without Python's unpickler.

That makes objects and calls functions, and takes memory that the file merely names. Here an instruction is known and
bounded, or the file is refused.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from ...outside_files import open_regular

MOST_BYTES = 1 << 30
"""Of a file."""
MOST_ENTRIES = 1 << 24
"""Of a list; LUPerson-NL has 11 million images."""
LONGEST = 1 << 12
"""Bytes of a string."""
SKIPPED = 1 << 8
"""Numbers that may be left out between two values that are referred to."""
BLOCK = 1 << 20
"""Bytes read at a time, and values that may wait for their list."""

_BYTE, _HALF, _WORD, _LONG = (struct.Struct(form) for form in ("<B", "<H", "<I", "<Q"))
_SIZED = {
    0x8C: (_BYTE, str), ord("X"): (_WORD, str), 0x8D: (_LONG, str), ord("C"): (_BYTE, bytes), ord("B"): (_WORD, bytes),
    0x8E: (_LONG, bytes), ord("U"): (_BYTE, str), ord("T"): (_WORD, str), 0x8A: (_BYTE, int),
}  # fmt: skip
"""Instruction -> its length, and the type of value that follows."""
_NUMBERS = {ord("K"): _BYTE, ord("M"): _HALF, ord("J"): struct.Struct("<i"), ord("G"): struct.Struct(">d")}
_STORED = {ord("q"): _BYTE, ord("r"): _WORD}
_RECALLED = {ord("h"): _BYTE, ord("j"): _WORD}
_IGNORED = {0x80: _BYTE, 0x95: _LONG}
_CONSTANTS = {ord("N"): None, 0x88: True, 0x89: False}


def load_plain(path: str) -> Any:
    """The value in a pickle file of protocol 2 or later. Lists hold single values, dictionaries values and lists.

    Raises:
        ValueError: it is cut short, or holds something else or more than the bounds.
        OSError: it cannot be opened.
    """
    with open_regular(path, MOST_BYTES) as file:
        try:
            return _load(file)
        except (IndexError, struct.error) as error:
            raise ValueError("it is cut short or damaged") from error


def _load(file: BinaryIO) -> Any:
    stack: list[Any] = []
    stored: list[Any] = []
    marks: list[int] = []
    data, at, last = b"", 0, -1
    while True:
        if at > last:
            more = file.read(BLOCK)
            data, at = data[at:] + more, 0
            last = len(data) - 2 * LONGEST if more else len(data)
            if len(stack) + len(marks) > BLOCK or len(stored) > 2 * MOST_ENTRIES:
                raise ValueError("it holds more than lists of that length need")
        code = data[at]
        at += 1
        if code in _SIZED:
            form, kind = _SIZED[code]
            (size,) = form.unpack_from(data, at)
            end = at + form.size + size
            text = data[at + form.size : end]
            if len(text) != size or size > LONGEST:
                raise ValueError(f"it holds a string of {size:,} bytes, or is cut short")
            at = end
            if kind is str:
                stack.append(text.decode("utf-8", "surrogatepass"))
            else:
                stack.append(text if kind is bytes else int.from_bytes(text, "little", signed=True))
        elif code == 0x94:
            stored.append(stack[-1])
        elif code in _STORED:
            form = _STORED[code]
            (number,) = form.unpack_from(data, at)
            at += form.size
            if number != len(stored):
                _skip(stored, number)
            stored.append(stack[-1])
        elif code in _NUMBERS:
            form = _NUMBERS[code]
            stack += form.unpack_from(data, at)
            at += form.size
        elif code in _RECALLED:
            form = _RECALLED[code]
            stack.append(stored[form.unpack_from(data, at)[0]])
            at += form.size
        elif code in _IGNORED:
            at += _IGNORED[code].size
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in b"]}":
            stack.append([] if code == ord("]") else {})
        elif code == ord("("):
            marks.append(len(stack))
        elif code in b"eu":
            _fill(stack, marks.pop(), list if code == ord("e") else dict)
        elif code in b"as":
            _fill(stack, len(stack) - (1 if code == ord("a") else 2), list if code == ord("a") else dict)
        elif code == ord("."):
            return stack[-1]
        else:
            raise ValueError(_foreign(code, data[at : at + LONGEST], stack))


def _skip(stored: list[Any], number: int) -> None:
    """Leave out the numbers before one, as Python 2 and ``pickletools.optimize`` do."""
    if not len(stored) < number < len(stored) + SKIPPED:
        raise ValueError(f"it gives a value the number {number:,} after {len(stored):,}")
    stored.extend([None] * (number - len(stored)))


def _fill(stack: list[Any], start: int, kind: type) -> None:
    """Add the values from a position on to the list or dictionary before them."""
    values = stack[max(0, start) :]
    del stack[max(0, start) :]
    held = stack[-1]
    if any(isinstance(value, list | dict) for value in values[:: 1 if kind is list else 2]):
        raise ValueError("a list holds something else than single values")
    if isinstance(held, list) and kind is list:
        held += values
    elif isinstance(held, dict) and kind is dict and len(values) % 2 == 0:
        held.update(zip(values[::2], values[1::2], strict=True))
    else:
        raise ValueError("it is damaged: values stand where there is no list")
    if len(held) > MOST_ENTRIES:
        raise ValueError(f"it has more than {MOST_ENTRIES:,} entries")


def _foreign(code: int, rest: bytes, stack: list[Any]) -> str:
    """What an instruction would do that a list of plain values does not need."""
    if code in b"PQ":
        return "it refers to an external object"
    if code in (0x93, ord("c")):
        names = rest.split(b"\n")[:2] if code == ord("c") else [str(name)[:80].encode() for name in stack[-2:]]
        return f"it imports {b'.'.join(names)[:80].decode('ascii', 'backslashreplace')}, which plain values do not need"
    return f"its instruction {code:#x} is not one of plain values, or of pickle's protocols before 2"
