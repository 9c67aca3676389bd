"""CUHK03's MATLAB files: the new protocol's configuration, and the test sets of the classic splits."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError
from .optional import optional

Ints = NDArray[np.int64]
Person = tuple[int, int]
"""(camera pair, number in it), both from 1: what identifies a person of CUHK03."""

SPLITS, MOST = 20, 2**31


class NewProtocol(NamedTuple):
    """The 767/700 split (Zhong et al., CVPR 2017).

    Attributes:
        names: (N) file names.
        labels: (N,) identities, from 1.
        train, query, gallery: positions from 0 in ``names``.
    """

    names: list[str]
    labels: Ints
    train: Ints
    query: Ints
    gallery: Ints


def read_new_protocol(path: str) -> NewProtocol:
    """The configuration in a ``cuhk03_new_protocol_config_*.mat``.

    Raises:
        DatasetError: it is not that file, or its parts do not fit together.
    """
    from scipy.io import loadmat  # a third of a second, which only this dataset should cost
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path)
        names = [_name(cell) for cell in np.asarray(content["filelist"], dtype=object).ravel()]
        labels = _integers(content["labels"])
        parts = [_integers(content[f"{part}_idx"]) - 1 for part in ("train", "query", "gallery")]
    except KeyError as error:
        raise _wrong(path, f"it has no variable {error}") from error
    except (OSError, ValueError, TypeError, NotImplementedError, MatReadError, zlib.error, IndexError) as error:
        raise _wrong(path, str(error)) from error
    if len(labels) != len(names):
        raise _wrong(path, f"filelist has {len(names)} names, labels {len(labels)} numbers")
    for part, positions in zip(("train", "query", "gallery"), parts, strict=True):
        if not len(positions) or positions.min() < 0 or positions.max() >= len(names):
            raise _wrong(path, f"{part}_idx does not count from 1 to {len(names)}")
    return NewProtocol(names, labels, *parts)


def read_test_set(path: str, split: int) -> set[Person]:
    """The test persons of one of the 20 classic splits in ``cuhk-03.mat``.

    Args:
        split: 1 to 20.

    Raises:
        DatasetError: it is not that file, or h5py is not installed.
    """
    h5py = optional("h5py", "CUHK03's classic splits need")
    try:
        with h5py.File(path, "r") as file:
            sets = np.asarray(file["testsets"]).ravel()
            if len(sets) != SPLITS:
                raise ValueError(f"testsets has {len(sets)} cells, not {SPLITS}")
            pairs = np.asarray(file[sets[split - 1]])  # HDF5 holds MATLAB's arrays transposed
            if pairs.ndim != 2 or pairs.shape[0] != 2 or not pairs.size:
                raise ValueError(f"test set {split} is no list of (camera pair, person)")
            numbers = _integers(pairs).reshape(2, -1)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise _wrong(path, str(error), "Get the published file again.") from error
    return {(int(pair), int(person)) for pair, person in numbers.T}


def _name(cell: Any) -> str:
    value = np.ravel(cell)
    if len(value) != 1 or not isinstance(value[0], str):
        raise ValueError(f"filelist holds {cell!r}, no file name")
    return str(value[0])


def _integers(values: Any) -> Ints:
    array = np.asarray(values).ravel()
    if array.dtype.kind not in "iuf":
        raise ValueError(f"numbers expected, got {array.dtype}")
    if not np.array_equal(array, np.rint(array)) or (len(array) and np.abs(array).max() > MOST):
        raise ValueError("whole numbers expected")
    return array.astype(np.int64)


def _wrong(path: str, reason: str, remedy: str = "Restore it from zhunzhong07/person-re-ranking.") -> DatasetError:
    return DatasetError(f"{path} is not CUHK03's file of that name: {reason}. {remedy}")
