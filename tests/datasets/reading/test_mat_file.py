"""MATLAB files: what scipy writes is read as scipy reads it; whatever else a file holds is refused."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.io import loadmat, savemat

from aio_plugin.datasets.reading.cuhk03 import read_new_protocol
from aio_plugin.datasets.reading.mat_file import MOST_BYTES, load_variables
from aio_plugin.datasets.reading.matlab import read_permutations
from aio_plugin.errors import DatasetError

from ..miniatures import EVERY


def _cells(values):
    cells = np.empty((len(values), 1), object)
    for at, value in enumerate(values):
        cells[at, 0] = value
    return cells


NUMBERS = st.sampled_from(["i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8", "i8", "u8"]).flatmap(
    lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=2, max_dims=3, max_side=4))
)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=8)
VALUES = st.recursive(NUMBERS | TEXT, lambda inner: st.lists(inner, min_size=1, max_size=3).map(_cells), max_leaves=5)


def assert_same(value, expected):
    if isinstance(value, list):
        assert expected.dtype == object
        for one, other in zip(value, expected.ravel(order="F"), strict=True):
            assert_same(one, other)
    elif isinstance(value, str):
        assert [value] == np.ravel(expected).tolist()
    else:
        np.testing.assert_array_equal(value, expected)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(VALUES, min_size=1, max_size=3), compressed=st.booleans())
def test_it_reads_what_scipy_reads(tmp_path, values, compressed):
    file = str(tmp_path / "x.mat")
    savemat(file, {f"v{at}": value for at, value in enumerate(values)}, do_compression=compressed)
    expected = loadmat(file)
    read = load_variables(file, [f"v{at}" for at in range(len(values))])
    assert len(read) == len(values)
    for name, value in read.items():
        assert_same(value, expected[name])


def element(kind, content):
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def variable(name=b"a", flags=6, sides=(1, 1), *content):
    """An array of a MATLAB file; the numbers of class 6 are floats of 64 bits."""
    parts = [element(6, struct.pack("<II", flags, 0)), element(5, struct.pack(f"<{len(sides)}i", *sides))]
    return element(14, b"".join([*parts, element(1, name), *content]))


ONE = element(9, struct.pack("<d", 1))
HEADER = bytes(124) + b"\x00\x01IM"


def nested(depth):
    return variable(b"a" * (depth == 0), 1, (1, 1), nested(depth + 1) if depth < 9 else variable(b"", 6, (1, 1), ONE))


REFUSED = {
    "nothing": (b"", "not a MATLAB file"),
    "version 7.3": (bytes(124) + b"\x00\x02IM", "save it with -v7"),
    "half an element": (HEADER + b"\x0e\0\0\0", "cut short"),
    "a size of 4 GB": (HEADER + struct.pack("<II", 14, 2**32 - 8), "larger than what holds it"),
    "254 PiB": (HEADER + variable(b"a", 6, (2**30, 2**30), ONE), "numbers holds 1"),
    "negative sides": (HEADER + variable(b"a", 6, (-1, -1), ONE), "something else"),
    "2**31 cells": (HEADER + variable(b"a", 1, (2**31 - 1, 1)), "more than the file holds"),
    "cells in cells": (HEADER + nested(0), "nested too deeply"),
    "a sparse matrix": (HEADER + variable(b"a", 5), "something else than numbers"),
    "complex numbers": (HEADER + variable(b"a", 6 | 0x800, (1, 1), ONE, ONE), "something else than numbers"),
    "unknown numbers": (HEADER + variable(b"a", 6, (1, 1), element(99, bytes(8))), "unknown type 99"),
    "two lines of text": (HEADER + variable(b"a", 4, (2, 2), element(16, b"abcd")), "not one line"),
    "half a character": (HEADER + variable(b"a", 4, (1, 1), element(16, b"\xff")), "utf-8"),
    "the same name twice": (HEADER + 2 * variable(b"a", 6, (1, 1), ONE), "two variables 'a'"),
    "a bomb": (HEADER + element(15, zlib.compress(bytes(MOST_BYTES + 8))), "unpacks to more than"),
    "damaged packing": (HEADER + element(15, b"no zlib here"), "damaged"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(tmp_path, kind):
    content, says = REFUSED[kind]
    (tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(ValueError, match=says):
        load_variables(str(tmp_path / "x.mat"), ["a"])


def test_bombs_share_one_bound(tmp_path):
    bomb = element(15, zlib.compress(element(14, bytes(MOST_BYTES // 2))))
    (tmp_path / "x.mat").write_bytes(HEADER + bomb * 3)
    with pytest.raises(ValueError, match="unpacks to more than"):
        load_variables(str(tmp_path / "x.mat"), ["a"])


@pytest.mark.parametrize("big_endian", [False, True])
def test_both_byte_orders(tmp_path, big_endian):
    order, mark = (">", b"\x01\x00MI") if big_endian else ("<", b"\x00\x01IM")
    small = struct.pack(f"{order}I", (1 << 16) | 1 if not big_endian else (1 << 16) | 1) + b"a\0\0\0"
    parts = [struct.pack(f"{order}4I", 6, 8, 6, 0), struct.pack(f"{order}2I2i", 5, 8, 1, 2), small]
    body = b"".join([*parts, struct.pack(f"{order}2I2d", 9, 16, 1.5, -2)])
    (tmp_path / "x.mat").write_bytes(bytes(124) + mark + struct.pack(f"{order}2I", 14, len(body)) + body)
    assert load_variables(str(tmp_path / "x.mat"), ["a"])["a"].tolist() == [[1.5, -2]]


def damaged(data, rng):
    """A copy with flipped bits, other sizes, a piece repeated, or the end cut off."""
    data, at = bytearray(data), rng.randrange(len(data))
    kind = rng.randrange(4)
    if kind == 0:
        for _ in range(rng.choice((1, 1, 3, 20))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4), rng.randbytes(4)))
    elif kind == 2:
        data[at:at] = data[: rng.randrange(200)]
    return bytes(data if kind < 3 else data[:at])


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("name", "file", "read"),
    [
        ("sysu_mm01", "exp/rand_perm_cam.mat", read_permutations),
        ("cuhk03_np_labeled", "cuhk03_new_protocol_config_labeled.mat", read_new_protocol),
    ],
)
def test_damage_is_a_dataset_error_or_no_matter(tmp_path, name, file, read, compressed):
    base, rng, whole = EVERY[name](tmp_path), random.Random(0), io.BytesIO()
    contents = {key: value for key, value in loadmat(base / file).items() if not key.startswith("__")}
    savemat(whole, contents, do_compression=compressed)
    refused = 0
    for _ in range(700):
        (base / file).write_bytes(damaged(whole.getvalue(), rng))
        try:
            read(str(base / file))
        except DatasetError:
            refused += 1
    assert refused > 400


def test_fractions_are_no_permutation(tmp_path):
    cell = np.empty((6, 1), object)
    cell[:, 0] = [_cells([np.array([[1.5, 2.5]])]) for _ in range(6)]
    savemat(tmp_path / "x.mat", {"rand_perm_cam": cell})
    with pytest.raises(DatasetError, match="not a permutation"):
        read_permutations(str(tmp_path / "x.mat"))
