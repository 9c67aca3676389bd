"""LUPerson-NL's ``keys.pkl``: the key and the noisy identity of every packed image."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import DatasetError
from .plain_pickle import load_plain

MOST_ID = 2**62


def read_keys(path: str) -> tuple[list[str], list[int]]:
    """(N) keys and (N) raw identities.

    Raises:
        DatasetError: it is no pickle of plain values, or not a dictionary of two such lists.
    """
    content = load_plain(path)
    if not isinstance(content, dict):
        raise _wrong(path, f"it holds a {type(content).__name__}, not a dictionary")
    for name in ("keys", "pids"):
        if not isinstance(content.get(name), list):
            raise _wrong(path, f"it has no list {name!r}")
    keys, pids = content["keys"], content["pids"]
    if len(keys) != len(pids):
        raise _wrong(path, f"it has {len(keys)} keys and {len(pids)} pids")
    if not keys:
        raise _wrong(path, "its lists are empty")
    for at, (key, pid) in enumerate(zip(keys, pids, strict=True)):
        if type(key) is not str:
            keys[at] = _text(path, at, key)
        if type(pid) is not int or not 0 <= pid < MOST_ID:
            raise _wrong(path, f"entry {at} of 'pids' must be a whole number from 0 on, got {str(pid)[:60]!r}")
    return keys, pids


def repeats(path: str, keys: list[str], pids: list[int]) -> frozenset[int]:
    """Positions of the keys that stand in the list before.

    Raises:
        DatasetError: a key has two identities.
    """
    hashes = np.fromiter(map(hash, keys), np.int64, len(keys))  # a set of ten million strings would double the memory
    values, counts = np.unique(hashes, return_counts=True)
    suspects = np.flatnonzero(np.isin(hashes, values[counts > 1])).tolist()
    first: dict[str, int] = {}
    for at in suspects:
        before = first.setdefault(keys[at], at)
        if pids[before] != pids[at]:
            raise _wrong(path, f"entries {before} and {at} give {keys[at]!r} two identities")
    return frozenset(at for at in suspects if first[keys[at]] != at)


def _text(path: str, at: int, key: Any) -> str:
    if not isinstance(key, bytes):
        raise _wrong(path, f"entry {at} of 'keys' must be a string, got {type(key).__name__}")
    try:
        return key.decode("ascii")
    except UnicodeDecodeError as error:
        raise _wrong(path, f"entry {at} of 'keys' is not ASCII: {error}") from error


def _wrong(path: str, reason: str) -> DatasetError:
    return DatasetError(f"{path} is not LUPerson-NL's list of keys: {reason}. Write it with convert_lmdb.py again.")
