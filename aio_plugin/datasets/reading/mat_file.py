"""MATLAB files of versions 5 to 7.2, read strictly: numbers, text and cells. No file can do more than be refused.

The format is MathWorks' "MAT-File Format": after a header come elements, each with type, size and data; an array is an
element of elements (flags, sides, name, content). scipy's reader trusts the sizes, and crashes on damaged ones.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from ...outside_files import open_regular

Value = NDArray[np.generic] | str | list["Value"]
"""Numbers in their shape, text of one line, or the cells of an array, column after column."""

MOST_BYTES = 1 << 24
"""Of a file, and of what it unpacks to."""
DEEPEST = 4
"""Levels of cells in cells."""
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Type of an element -> the numbers that it holds."""
TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
ARRAY, PACKED = 14, 15
"""Types of elements."""
CELLS, TEXT, FIRST_NUMBERS, LAST_NUMBERS = 1, 4, 6, 15
"""Classes of arrays; between the last two are those of numbers."""
COMPLEX = 0x800
HEADER, ORDERS = 128, {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
_EMPTY: NDArray[np.generic] = np.zeros((0, 0))


def load_variables(path: str, names: Collection[str]) -> dict[str, Value]:
    """Those of the variables ``names`` that a MATLAB file has.

    Raises:
        ValueError: it is not such a file, is damaged or larger than the bounds, or one of these variables holds
            something else than numbers, text and cells.
        OSError: it cannot be opened.
    """
    with open_regular(path, MOST_BYTES) as file:
        data = memoryview(file.read(MOST_BYTES))
    order = ORDERS.get(bytes(data[HEADER - 4 : HEADER]))
    if order is None:
        raise ValueError("it is not a MATLAB file of versions 5 to 7.2 (save it with -v7)")
    variables: dict[str, Value] = {}
    at, left = HEADER, MOST_BYTES
    while at < len(data):
        kind, content, at = _element(data, at, order)
        if kind == PACKED:
            unpacked = _unpack(content, left)
            left -= len(unpacked)
            kind, content, _ = _element(unpacked, 0, order)
        if kind == ARRAY:
            name, value = _array(content, order, names)
            if value is not None:
                if name in variables:
                    raise ValueError(f"it has two variables {name!r}")
                variables[name] = value
    return variables


def _unpack(content: memoryview, most: int) -> memoryview:
    unpacking = zlib.decompressobj()
    try:
        unpacked = unpacking.decompress(content, most)
    except zlib.error as error:
        raise ValueError(f"it is damaged: {error}") from error
    if not unpacking.eof:
        raise ValueError(f"it is cut short, or unpacks to more than {MOST_BYTES:,} bytes")
    return memoryview(unpacked)


def _element(data: memoryview, at: int, order: str) -> tuple[int, memoryview, int]:
    """Type and data of the element at a position, and the position behind it."""
    if at + 8 > len(data):
        raise ValueError("it is cut short")
    kind, size = struct.unpack_from(f"{order}II", data, at)
    if kind >> 16:  # up to four bytes stand in the place of the size
        kind, size, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        if size > 4:
            raise ValueError("an element has an impossible size")
    else:
        start = at + 8
        end = start + size + (-size % 8 if kind != PACKED else 0)
    if start + size > len(data):
        raise ValueError("an element is larger than what holds it")
    return kind, data[start : start + size], end


def _array(content: memoryview, order: str, names: Collection[str], depth: int = 0) -> tuple[str, Value | None]:
    """Name and value of an array; no value if it is a variable that is not asked for."""
    if not content:
        return "", _EMPTY
    _, flags, at = _element(content, 0, order)
    _, sides, at = _element(content, at, order)
    _, title, at = _element(content, at, order)
    name = bytes(title).decode("latin-1")
    if depth == 0 and name not in names:
        return name, None
    if len(flags) != 8 or len(sides) < 8 or len(sides) % 4:
        raise ValueError(f"an array of {name or 'cells'!r} is damaged")
    (flag,), shape = struct.unpack_from(f"{order}I", flags), struct.unpack(f"{order}{len(sides) // 4}i", sides)
    kind, count = flag & 0xFF, math.prod(shape)
    if min(shape) < 0 or flag & COMPLEX or not (kind in (CELLS, TEXT) or FIRST_NUMBERS <= kind <= LAST_NUMBERS):
        raise ValueError(f"{name or 'a cell'!r} holds something else than numbers, text and cells")
    if kind == CELLS:
        return name, _cells(content[at:], count, order, depth)
    element, values, _ = _element(content, at, order)
    if kind == TEXT:
        return name, _text(values, element, count == max(shape[1:]) or not count, order)
    if element not in NUMBERS:
        raise ValueError(f"an array has numbers of the unknown type {element}")
    numbers = np.frombuffer(values, np.dtype(order + NUMBERS[element]))
    if len(numbers) != count:
        raise ValueError(f"an array of {count} numbers holds {len(numbers)}")
    return name, numbers.reshape(shape, order="F")


def _cells(content: memoryview, count: int, order: str, depth: int) -> list[Value]:
    if depth == DEEPEST or count > len(content) // 8:
        raise ValueError("cells are nested too deeply, or more than the file holds")
    cells: list[Value] = []
    at = 0
    for _ in range(count):
        kind, cell, at = _element(content, at, order)
        _, value = _array(cell, order, (), depth + 1)
        if kind != ARRAY or value is None:
            raise ValueError("a cell is not an array")
        cells.append(value)
    return cells


def _text(values: memoryview, element: int, is_line: bool, order: str) -> str:
    if element not in TEXTS or not is_line:
        raise ValueError("a text is not one line of a known encoding")
    encoding = TEXTS[element]
    return bytes(values).decode(
        f"{encoding}-{'le' if order == '<' else 'be'}" if encoding[-2:] in ("16", "32") else encoding
    )
