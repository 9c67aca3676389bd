"""JSON lists read as a stream: what the whole file says at once, and an error where that is none."""

import io
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin.datasets.reading import json_stream
from aio_plugin.datasets.reading.annotations import read_objects, read_photos
from aio_plugin.datasets.reading.json_stream import elements
from aio_plugin.errors import DatasetError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(params=[1, 2, 3, 7, 1 << 19])
def block(request, monkeypatch):
    """Bytes read at a time: every place of a short text gets to be the end of a block."""
    monkeypatch.setattr(json_stream, "BLOCK", request.param)


def stream(data):
    return list(elements(io.BytesIO(data)))


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
def test_it_accepts_what_the_standard_library_does(data, size):
    try:
        whole = json.loads(data.decode(), parse_constant=_refuse)
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


BROKEN = [
    (b"", -1, r"expected '\[', got the end of the file \(character 0\)"),
    (b"  \n", -1, "got the end of the file"),
    (b'"text"', -1, "got '\"'"),
    (b"[", -1, r"Expecting value \(character 1\)"),
    (b'[{"a": 1}', 0, "expected ',' or ']', got the end"),
    (b'[{"a": 1},', 0, r"Expecting value \(character 10\)"),
    (b'[{"a": 1},]', 0, "Expecting value"),
    (b'[{"a": 1} {"a": 2}]', 0, "expected ',' or ']', got '{'"),
    (b'[{"a": 1}, {"a" 2}]', 0, r"Expecting ':' delimiter \(character 16\)"),
    (b'[{"a": 1}, {"a": "2}]', 0, "Unterminated string"),
    (b'[{"a": 1}, {"a": "\\q"}]', 0, "escape"),
    (b'[{"a": 1}, {"a": "\\u12"}]', 0, "escape"),
    (b'[{"a": "1\n"}]', -1, "control character"),
    (b'[{"a": NaN}]', -1, "NaN is no number"),
    (b'[{"a": -Infinity}]', -1, "-Infinity is no number"),
    (b'[{"a": 01}]', -1, "delimiter"),
    (b'[{"a": 1}] x', 0, r"'x' behind the end of the list \(character 11\)"),
    (b'[{"a": 1}][]', 0, "behind the end"),
    (b'[{"a": 1}, {"a": "\xff"}]', 0, r"no UTF-8: invalid start byte \(character 18\)"),
    (b'[{"a": 1}, {"a": "\xe4', 0, "no UTF-8|Unterminated"),
    (b'[{"a": ' + b"1" * 5000 + b"}]", -1, "limit"),
    (b'[{"a": ' + b"[" * 100_000, -1, "nested too deeply"),
    ('[{"a": 1}]'.encode("utf-16"), -1, "no UTF-8"),
    (b"\xef\xbb\xbf\xef\xbb\xbf[]", -1, "got '\\\\ufeff'"),
]


@pytest.mark.parametrize(("data", "last", "reason"), BROKEN)
def test_what_is_no_json(tmp_path, block, data, last, reason):
    file = tmp_path / "x.json"
    file.write_bytes(data)
    with pytest.raises(DatasetError, match=rf"x\.json: no JSON after record {last}: .*(?:{reason}).*Restore the file"):
        list(read_objects(str(file)))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[]", "holds no records"),
        (b" [ ] ", "holds no records"),
        (b" {}", "must be a JSON list of records, but is one object"),
        (b'[{}, "a"]', "record 1 is no object but str 'a'"),
        (b"[123", "record 0 is no object but int 123|no JSON after record -1"),
    ],
)
def test_what_is_no_list_of_objects(tmp_path, block, data, says):
    file = tmp_path / "x.json"
    file.write_bytes(data)
    with pytest.raises(DatasetError, match=says):
        list(read_objects(str(file)))


def test_all_before_a_fault_is_read(tmp_path, block):
    file = tmp_path / "x.json"
    file.write_bytes(b'\xef\xbb\xbf[{"a": 1}\r\n,\t{"a": "\xc3\xa4"}, {"a": "\xff"}]')
    found = []
    with pytest.raises(DatasetError, match="after record 1"):
        found.extend(read_objects(str(file)))
    records = read_objects(str(file))
    assert [next(records), next(records)] == [(0, {"a": 1}), (1, {"a": "ä"})]


def test_halves_of_surrogate_pairs_become_question_marks(tmp_path):
    file = tmp_path / "x.json"
    file.write_text(r'[{"id": 1, "file_path": "\ud83d.jpg", "captions": ["a \ud83d\ude00 \ude00", "b"]}]')
    record = next(read_photos(str(file)))
    assert (record.path, record.captions) == ("?.jpg", ("a \U0001f600 ?", "b"))


def test_memory_does_not_grow_with_the_file_nor_with_what_is_wrong_in_it(tmp_path):
    file = tmp_path / "x.json"
    record = json.dumps({"text": "x" * 10_000})
    for text in ("[" + ", ".join([record] * 3000) + "]", "[" + record + ": " + record * 3000):
        file.write_text(text)
        tracemalloc.start()
        try:
            assert sum(1 for _ in read_objects(str(file))) == 3000
        except DatasetError as error:
            assert "after record 0: expected ',' or ']', got ':'" in str(error)  # noqa: PT017 -- of one of the two
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4_000_000 < 30_000_000 < file.stat().st_size


def test_a_long_record_is_read_and_one_without_end_refused(monkeypatch):
    long = [{"text": "x" * 50_000}, {"text": "y"}]
    monkeypatch.setattr(json_stream, "BLOCK", 1000)
    assert stream(json.dumps(long).encode()) == long
    monkeypatch.setattr(json_stream, "LONGEST", 20_000)
    with pytest.raises(ValueError, match="an element longer than 20000 characters"):
        stream(json.dumps(long).encode())
