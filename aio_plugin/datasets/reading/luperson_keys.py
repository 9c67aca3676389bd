"""LUPerson-NL's ``keys.pkl``: the key and the noisy identity of every packed image."""

from __future__ import annotations

import numpy as np

from ...errors import DatasetError
from .annotations import MOST_ID
from .plain_pickle import load_plain


def read_keys(path: str) -> tuple[list[str], list[int]]:
    """(N) keys and (N) raw identities.

    Raises:
        DatasetError: it is not a pickle of plain values, or not a dictionary of two such lists.
    """
    try:
        content = load_plain(path)
    except OSError as error:
        raise DatasetError(f"Cannot read {path}: {error}. Restore the file.") from error
    except ValueError as error:
        raise DatasetError(
            f"{path} is not a pickle of plain values: {error}. Get the file from its source again."
        ) from error
    if not isinstance(content, dict):
        raise _wrong_keys(path, f"it holds a {type(content).__name__}, not a dictionary")
    for name in ("keys", "pids"):
        if not isinstance(content.get(name), list):
            raise _wrong_keys(path, f"it has no list {name!r}")
    keys, pids = content["keys"], content["pids"]
    if not keys or len(keys) != len(pids):
        raise _wrong_keys(path, f"it has {len(keys)} keys and {len(pids)} pids; both must be of one length, not empty")
    for at, (key, pid) in enumerate(zip(keys, pids, strict=True)):
        if type(key) is bytes and key.isascii():
            keys[at] = key.decode()
        elif type(key) is not str:
            wrong = "is not ASCII" if type(key) is bytes else f"must be a string, got {type(key).__name__}"
            raise _wrong_keys(path, f"entry {at} of 'keys' {wrong}")
        if type(pid) is not int or not 0 <= pid < MOST_ID:
            shown = repr(pid)[:60] if isinstance(pid, str | float) else type(pid).__name__  # ints can be too long
            raise _wrong_keys(path, f"entry {at} of 'pids' must be a whole number from 0 on, got {shown}")
    return keys, pids


def repeated_keys(path: str, keys: list[str], pids: list[int]) -> frozenset[int]:
    """Positions of the keys that the list already has before.

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
            raise _wrong_keys(path, f"entries {before} and {at} give {keys[at]!r} two identities")
    return frozenset(at for at in suspects if first[keys[at]] != at)


def _wrong_keys(path: str, reason: str) -> DatasetError:
    return DatasetError(f"{path} is not LUPerson-NL's list of keys: {reason}. Write it with convert_lmdb.py again.")
