"""JSON annotations are streamed within bounds, and damage is named."""

import io
import json
import math
import tracemalloc

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from aio_plugin.datasets.reading import json_stream
from aio_plugin.datasets.reading.annotations import read_objects, read_photos
from aio_plugin.datasets.reading.json_stream import list_elements
from aio_plugin.datasets.reading.layouts import Tree
from aio_plugin.errors import DatasetError

INTEGERS = st.integers(1 - 2**63, 2**63 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(params=[1, 2, 3, 7, 1 << 19])
def block(request, monkeypatch):
    """Bytes read at a time: every place of a short text gets to be the end of a block."""
    monkeypatch.setattr(json_stream, "BLOCK", request.param)


def stream(data):
    return list(list_elements(io.BytesIO(data)))


@settings(deadline=None, max_examples=100)
@given(
    values=st.lists(VALUES, max_size=5),
    ascii=st.booleans(),
    indent=st.none() | st.integers(0, 2),
    size=st.integers(1, 9),
)
def test_a_stream_says_what_the_whole_file_does(values, ascii, indent, size):
    data = json.dumps(values, ensure_ascii=ascii, indent=indent).encode("utf-8", "surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "BLOCK", size)
        try:
            whole = json.loads(data.decode())
        except UnicodeDecodeError:
            with pytest.raises(ValueError):
                stream(data)
        else:
            assert stream(data) == whole


@example(data=b'[]"', size=1)
@example(data=b'["\\\\"] "]', size=2)
@settings(deadline=None, max_examples=200)
@given(
    data=st.one_of(
        st.binary(max_size=12),
        st.text(alphabet='[]{},:"\\ue1-.0tN fal\n', max_size=14).map(lambda text: text.encode()),
        st.tuples(st.lists(VALUES, max_size=3).map(json.dumps), st.integers(0, 60)).map(
            lambda cut: cut[0][: cut[1]].encode()
        ),
    ),
    size=st.integers(1, 9),
)
def test_it_accepts_what_the_standard_library_does_within_its_bounds(data, size):
    assume(not set(data) & set(b"\v\f"))  # ijson takes these for white space
    try:
        whole = json.loads(data.decode(), parse_constant=_refuse, parse_int=_64_bits, parse_float=_finite)
    except ValueError:
        whole = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "BLOCK", size)
        if isinstance(whole, list):
            assert stream(data) == whole
        else:
            with pytest.raises(ValueError):
                stream(data)


def _refuse(name):
    raise ValueError(name)


def _64_bits(text):
    return int(text) if abs(int(text)) < 2**63 else _refuse(text)


def _finite(text):
    return float(text) if math.isfinite(float(text)) else _refuse(text)


BROKEN = [
    (b"", -1, "premature EOF"),
    (b"  \n", -1, "premature EOF"),
    (b'"text"', -1, r"expected '\[', got '\"'"),
    (b" {}", -1, r"expected '\[', got '{'"),
    (b"[", -1, "premature EOF"),
    (b'[{"a": 1}', 0, "premature EOF"),
    (b'[{"a": 1},', 0, "premature EOF"),
    (b'[{"a": 1},]', 0, "unallowed token"),
    (b'[{"a": 1} {"a": 2}]', 0, "after array element, I expect ',' or ']'"),
    (b'[{"a": 1}, {"a" 2}]', 0, r"must be separated by a colon \(':'\)"),
    (b'[{"a": 1}, {"a": "2}]', 0, "premature EOF"),
    (b'[{"a": 1}, {"a": "\\q"}]', 0, r"'\\' occurs before a character which it may not"),
    (b'[{"a": 1}, {"a": "\\u12"}]', 0, "hex"),
    (b'[{"a": "1\n"}]', -1, "invalid character inside string"),
    (b'[{"a": NaN}]', -1, "invalid char"),
    (b'[{"a": -Infinity}]', -1, "malformed number"),
    (b'[{"a": 01}]', -1, "I expect ',' or '}'"),
    (b'[{"a": 1}] x', 0, "trailing garbage"),
    (b'[{"a": 1}][]', 0, "trailing garbage"),
    (b'[{"a": 1}, {"a": "\xff"}]', 0, "invalid bytes in UTF8 string"),
    (b'[{"a": 1}, {"a": "\xe4', 0, "invalid bytes in UTF8 string|premature EOF"),
    (b'[{"a": ' + b"1" * 5000 + b"}]", -1, "integer overflow"),
    (b'[{"a": 1e5000}]', -1, "overflow"),
    (b'[{"a": ' + b"[" * 100_000, -1, "nested more than 400 levels deep"),
    (b"[" + b'{"a":' * 100_000, -1, "nested more than 400 levels deep"),
    ('[{"a": 1}]'.encode("utf-16"), -1, r"expected '\[', got '\\\\xff'"),
    (b"\xef\xbb\xbf\xef\xbb\xbf[]", -1, r"got '\\\\xef'"),
]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        *(
            (
                data,
                f"not a JSON list of records, {f'after record {last}' if last >= 0 else 'before the first record'}: "
                f".*(?:{reason}).*Restore the file",
            )
            for data, last, reason in BROKEN
        ),
        (b"[]", "holds no records"),
        (b" [ ] ", "holds no records"),
        (b'[{}, "a"]', "record 1 is not an object but str 'a'"),
        (b"[123", "record 0 is not an object but int 123|before the first record: parse error: premature EOF"),
    ],
)
def test_what_is_no_json_list_of_objects(tmp_path, block, data, says):
    file = tmp_path / "x.json"
    file.write_bytes(data)
    with pytest.raises(DatasetError, match=rf"x\.json: {says}"):
        list(read_objects(str(file)))


def test_all_before_a_fault_is_read(tmp_path, block):
    file = tmp_path / "x.json"
    file.write_bytes(b'\xef\xbb\xbf[{"a": 1}\r\n,\t{"a": "\xc3\xa4"}, {"a": "\xff"}]')
    found = []
    with pytest.raises(DatasetError, match="after record 1"):
        found.extend(read_objects(str(file)))
    records = read_objects(str(file))
    assert [next(records), next(records)] == [(0, {"a": 1}), (1, {"a": "ä"})]


@pytest.mark.parametrize("size", range(1, 15))
def test_escapes_are_read_whole_wherever_a_block_ends(monkeypatch, size):
    monkeypatch.setattr(json_stream, "BLOCK", size)
    text = r'["\\ud83d\ud83d\ude00\ud83dA", "\"\ude00\ud83d\u00e4\\\ud83d\n"]'
    assert stream(text.encode()) == ["\\ud83d\U0001f600?A", '"??ä\\?\n']


def test_halves_of_surrogate_pairs_become_question_marks(tmp_path):
    file = tmp_path / "x.json"
    file.write_text(r'[{"id": 1, "file_path": "\ud83d.jpg", "captions": ["a \ud83d\ude00 \ude00", "b"]}]')
    record = next(read_photos(Tree("any", str(tmp_path), "x", ()), str(file)))
    assert (record.path, record.captions) == (str(tmp_path / "x/?.jpg"), ("a \U0001f600 ?", "b"))


def test_memory_does_not_grow_with_the_file_nor_with_what_is_wrong_in_it(tmp_path):
    file = tmp_path / "x.json"
    record = json.dumps({"text": "x" * 10_000})
    for text in ("[" + ", ".join([record] * 3000) + "]", "[" + record + ": " + record * 3000):
        file.write_text(text)
        tracemalloc.start()
        try:
            assert sum(1 for _ in read_objects(str(file))) == 3000
        except DatasetError as error:
            assert "after record 0: parse error: after array element, I expect ',' or ']'" in str(error)  # noqa: PT017 -- of one of the two
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4_000_000 < 30_000_000 < file.stat().st_size


def test_a_long_record_is_read_and_one_without_end_refused(monkeypatch):
    long = [{"text": "x" * 50_000}, {"text": "y"}]
    monkeypatch.setattr(json_stream, "BLOCK", 1000)
    assert stream(json.dumps(long).encode()) == long
    monkeypatch.setattr(json_stream, "LONGEST", 20_000)
    with pytest.raises(ValueError, match="an element is longer than 20,000 bytes"):
        stream(json.dumps(long).encode())


@pytest.mark.parametrize("value", [b'"%s"' % (b"x" * 70_000), b'"%s"' % (b'\\"' * 35_000), b"1" * 70_000])
def test_a_long_value_of_another_key_is_refused(tmp_path, monkeypatch, value):
    file = tmp_path / "x.json"
    file.write_bytes(b'{"info": %s, "images": [{"id": 1}]}' % value)
    monkeypatch.setattr(json_stream, "LONGEST", 20_000)
    with pytest.raises(DatasetError, match="a string or number is longer than 20,000 bytes"):
        list(read_objects(str(file), "images"))
    monkeypatch.setattr(json_stream, "LONGEST", 80_000)
    if value[:1] == b'"':
        assert list(read_objects(str(file), "images")) == [(0, {"id": 1})]
