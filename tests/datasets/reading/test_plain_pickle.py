"""Pickles of plain values: read as Python reads them; every other instruction is refused before it acts or costs."""

import io
import pickle
import pickletools
import random
import struct
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aio_plugin.datasets.reading import plain_pickle
from aio_plugin.datasets.reading.plain_pickle import load_plain

SINGLE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(max_size=300)
VALUES = st.lists(SINGLE, max_size=20) | st.dictionaries(st.text(), SINGLE | st.lists(SINGLE, max_size=4), max_size=5)


@pytest.fixture
def loaded(tmp_path):
    def load(data):
        (tmp_path / "x.pkl").write_bytes(data)
        return load_plain(str(tmp_path / "x.pkl"))

    return load


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES, optimised=st.booleans())
def test_it_reads_what_python_reads(loaded, protocol, value, optimised):
    if protocol == 2:
        value = [each for each in value if not isinstance(each, bytes)] if isinstance(value, list) else []
    data = pickle.dumps(value, protocol)
    assert loaded(pickletools.optimize(data) if optimised else data) == value


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_long_lists_in_small_blocks(loaded, protocol, monkeypatch):
    keys = [f"{number:05d}" for number in range(3000)]
    monkeypatch.setattr(plain_pickle, "LONGEST", 64)
    monkeypatch.setattr(plain_pickle, "BLOCK", 2001)
    value = {"keys": keys + keys[:5], "pids": list(range(-500, 2505))}
    assert loaded(pickle.dumps(value, protocol)) == value


def loop(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


START = b"\x80\x02"
REFUSED = {
    "empty": (b"", "cut short"),
    "an import": (START + b"cos\nsystem\nU\x02ls\x85R.", "imports os.system"),
    "an import of protocol 4": (pickle.dumps(io.BytesIO, 4), "imports _io.BytesIO"),
    "an object elsewhere": (b"Pid\n.", "external object"),
    "a number for a value of 2 GB": (START + b"]r" + struct.pack("<I", 2**28) + b".", "number 268,435,456 after 0"),
    "a string of 2**62 bytes": (b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.", "string of 4,611,"),
    "a string of 4 GB": (START + b"X" + b"\xff" * 4 + b"x.", "string of 4,294,967,295"),
    "a number of 5,000 digits": (pickle.dumps([10**5000]), "instruction 0x8b"),
    "lists in lists": (pickle.dumps([[1]]), "something else than single values"),
    "a list of itself": (START + b"]q\x00h\x00a.", "something else than single values"),
    "a dictionary in a list": (pickle.dumps([{}]), "something else than single values"),
    "a list as a key": (START + b"}(]K\x01u.", "something else than single values"),
    "half a pair": (START + b"}(K\x01u.", "stand where"),
    "entries of nothing": (START + b"(K\x01e.", "cut short or damaged|stand where"),
    "no mark": (START + b"]e.", "cut short or damaged"),
    "a tuple": (pickle.dumps((1,)), "instruction 0x85"),
    "protocol 0": (pickle.dumps([1], 0), "protocols before 2"),
    "only marks": (START + b"(" * 3_000_000, "more than lists of that length need"),
    "only values": (START + b"N" * 3_000_000, "more than lists of that length need"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(loaded, kind):
    data, says = REFUSED[kind]
    with pytest.raises(ValueError, match=says):
        loaded(data)


def test_a_small_file_takes_little_memory(loaded):
    tracemalloc.start()
    for data in (
        START + b"]r\xff\xff\xff\x0f.",
        b"\x80\x04\x8d" + struct.pack("<Q", 2**32) + b".",
        START + b"(" * 9999,
    ):
        with pytest.raises(ValueError):
            loaded(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_entries_are_bounded(loaded, monkeypatch):
    monkeypatch.setattr(plain_pickle, "MOST_ENTRIES", 10)
    assert loaded(pickle.dumps([1] * 10)) == [1] * 10
    with pytest.raises(ValueError, match="more than 10 entries"):
        loaded(pickle.dumps([1] * 11))


def test_damage_is_a_value_error_or_no_matter(loaded):
    rng = random.Random(0)
    value = {"keys": [f"{number:05d}_00" for number in range(30)], "pids": list(range(30))}
    whole = [pickle.dumps(value, protocol) for protocol in (2, 3, 4)]
    refused = 0
    for _ in range(3000):
        data = bytearray(rng.choice(whole))
        for _ in range(rng.choice((1, 1, 5))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            loaded(bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data))
        except ValueError:
            refused += 1
    assert refused > 800
