"""LUPerson-NL: LMDB and files, keys."""

import os
import pickle

import numpy as np
import pytest

from aio_plugin.errors import DatasetError

from ..miniatures import read
from ..miniatures import rgb as made
from ..miniatures.rgb import LUPERSON_KEYS


def test_luperson_from_lmdb(tmp_path):
    base = made.luperson_nl(tmp_path)
    train = read("luperson_nl", tmp_path).train
    assert [(item.pid, item.camid) for item in train] == [(1, 1), (0, 1), (2, 2)]
    assert [item.media for item in train] == [f"{base}/lmdb/data.mdb#{key}" for key in LUPERSON_KEYS]
    assert [item.pid for item in train[1:]] == [0, 2]
    assert train[-1].camid == 2


def test_luperson_from_files(tmp_path):
    made.luperson_files(tmp_path)
    splits = read("luperson_nl", tmp_path, images="files")
    assert [(item.pid, item.camid) for item in splits.train] == [(0, 1), (1, 1), (2, 2)]
    assert any("1 folders of repeated videos" in note and "new york" in note for note in splits.notes)


def test_luperson_repeated_keys_count_once(tmp_path):
    made.luperson_nl(tmp_path, [*LUPERSON_KEYS, LUPERSON_KEYS[0]], (9, 4, 900, 9))
    splits = read("luperson_nl", tmp_path)
    assert len(splits.train) == 3
    assert any("1 repeated keys of keys.pkl" in note for note in splits.notes)


def test_luperson_identities_that_are_not_the_keys_are_noted(tmp_path):
    made.luperson_nl(tmp_path, pids=(9, 4, 901))
    assert any("identities of 1 images" in note for note in read("luperson_nl", tmp_path).notes)


class Harm:
    def __reduce__(self):
        return os.system, ("touch harmed",)


KEYS = {"keys": list(LUPERSON_KEYS), "pids": [9, 4, 900]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a pickle of plain values"),
        (b"\x80", "not a pickle"),
        (b"keys", "not a pickle"),
        (pickle.dumps(KEYS)[:-5], "not a pickle"),
        (pickle.dumps({"keys": Harm(), "pids": []}), "imports posix.system"),
        (pickle.dumps({**KEYS, "pids": np.array([9, 4, 900])}), "imports numpy"),
        (b"cos\nsystem\n(S'touch harmed'\ntR.", "imports os.system"),
        (b"Pid\n.", "refers to an external object"),
        (pickle.dumps([1, 2]), "holds a list, not a dictionary"),
        (pickle.dumps({"keys": []}), "no list 'pids'"),
        (pickle.dumps({**KEYS, "keys": "abc"}), "no list 'keys'"),
        (pickle.dumps({"keys": [], "pids": []}), "empty"),
        (pickle.dumps({**KEYS, "pids": [9, 4]}), "3 keys and 2 pids"),
        (pickle.dumps({**KEYS, "pids": [9, 4, "900"]}), "entry 2 of 'pids' must be a whole number.*'900'"),
        (pickle.dumps({**KEYS, "pids": [9, True, 900]}), "entry 1 of 'pids'"),
        (pickle.dumps({**KEYS, "pids": [9, -4, 900]}), "entry 1 of 'pids'"),
        (pickle.dumps({**KEYS, "keys": [*LUPERSON_KEYS[:2], 3]}), "entry 2 of 'keys' must be a string, got int"),
        (pickle.dumps({**KEYS, "keys": [*LUPERSON_KEYS[:2], b"\xff"]}), "entry 2 of 'keys' is not ASCII"),
        (pickle.dumps({**KEYS, "keys": [LUPERSON_KEYS[0]] * 3}), "entries 0 and 1 give .* two identities"),
        (pickle.dumps({**KEYS, "keys": [*LUPERSON_KEYS[:2], "\ud800"]}), "1 of 3 keys"),
        (pickle.dumps({**KEYS, "keys": [*LUPERSON_KEYS[:2], ""]}), "1 of 3 keys"),
        (pickle.dumps({**KEYS, "keys": ["a", "b", "c"]}), "3 of 3 keys|3 of 3 names"),
    ],
)
def test_luperson_bad_keys(tmp_path, monkeypatch, content, says):
    monkeypatch.chdir(tmp_path)
    base = made.luperson_nl(tmp_path)
    (base / "keys.pkl").write_bytes(content)
    with pytest.raises(DatasetError, match=says if content else "keys.pkl is empty"):
        read("luperson_nl", tmp_path)
    assert not (tmp_path / "harmed").exists()


def test_luperson_keys_may_be_bytes(tmp_path):
    base = made.luperson_nl(tmp_path)
    (base / "keys.pkl").write_bytes(pickle.dumps({**KEYS, "keys": [key.encode() for key in LUPERSON_KEYS]}))
    assert len(read("luperson_nl", tmp_path).train) == 3


def test_luperson_absent_images_name_the_first(tmp_path):
    made.luperson_nl(tmp_path, stored=LUPERSON_KEYS[:1])
    with pytest.raises(DatasetError, match=f"2 of 3 keys.*the first: {LUPERSON_KEYS[1]}"):
        read("luperson_nl", tmp_path)


def test_luperson_damaged_lmdb(tmp_path):
    base = made.luperson_nl(tmp_path)
    file = base / "lmdb/data.mdb"
    whole = file.read_bytes()
    for content, says in ((b"x" * 9000, "cannot be opened as an LMDB"), (whole[:8192], "truncated"), (b"", "is empty")):
        file.write_bytes(content)
        with pytest.raises(DatasetError, match=says):
            read("luperson_nl", tmp_path)
