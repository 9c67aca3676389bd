"""CUHK03's MATLAB files: the new protocol and the classic splits."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError
from .checks import import_package
from .matlab import load_variables

SPLITS = 20
"""Classic splits."""
PAIR = 1000
"""A person is identified by a camera pair and a number in it, of less than that."""
LARGEST = 2**31
"""Of the numbers in the MATLAB files."""


class NewProtocol(NamedTuple):
    """The 767/700 split (Zhong et al., CVPR 2017).

    Attributes:
        names: (N) file names.
        labels: (N,) identities, from 1.
        train, query, gallery: positions from 0 in ``names``.
    """

    names: list[str]
    labels: NDArray[np.int64]
    train: NDArray[np.int64]
    query: NDArray[np.int64]
    gallery: NDArray[np.int64]


def read_new_protocol(path: str) -> NewProtocol:
    """The configuration in a ``cuhk03_new_protocol_config_*.mat``.

    Raises:
        DatasetError: it is not that file, or its parts do not fit together.
    """
    try:
        content = load_variables(path)
        names = [_name(cell) for cell in np.asarray(content["filelist"], dtype=object).ravel()]
        labels = _integers(content["labels"])
        if len(labels) != len(names):
            raise ValueError(f"filelist has {len(names)} names, labels {len(labels)} numbers")
        parts = [_positions(content, f"{part}_idx", len(names)) for part in ("train", "query", "gallery")]
    except (KeyError, ValueError, TypeError, IndexError) as error:
        reason = f"it has no variable {error}" if isinstance(error, KeyError) else str(error)
        raise _wrong_file(path, reason, "Restore it from zhunzhong07/person-re-ranking.") from error
    return NewProtocol(names, labels, *parts)


def read_test_set(path: str, split: int) -> set[int]:
    """The identities of the test persons of one of the 20 classic splits in ``cuhk-03.mat``.

    Args:
        split: 1 to 20.

    Raises:
        DatasetError: it is not that file, or h5py is not installed.
    """
    h5py = import_package("h5py", "CUHK03's classic splits need")
    try:
        with h5py.File(path, "r") as file:
            sets = np.asarray(file["testsets"]).ravel()
            if len(sets) != SPLITS:
                raise ValueError(f"testsets has {len(sets)} cells, not {SPLITS}")
            pairs = np.asarray(file[sets[split - 1]])  # HDF5 holds MATLAB's arrays transposed
            if pairs.ndim != 2 or pairs.shape[0] != 2 or not pairs.size:
                raise ValueError(f"test set {split} is not a list of (camera pair, person)")
            numbers = _integers(pairs).reshape(2, -1)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise _wrong_file(path, str(error), "Get the published file again.") from error
    return {PAIR * pair + person for pair, person in numbers.T.tolist()}


def _name(cell: Any) -> str:
    value = np.ravel(cell)
    if len(value) != 1 or not isinstance(value[0], str):
        raise ValueError(f"filelist holds {cell!r}, which is not a file name")
    return str(value[0])


def _integers(values: Any) -> NDArray[np.int64]:
    array = np.asarray(values).ravel()
    if array.dtype.kind not in "iuf":
        raise ValueError(f"numbers expected, got {array.dtype}")
    if not np.array_equal(array, np.rint(array)) or (len(array) and np.abs(array).max() > LARGEST):
        raise ValueError("whole numbers expected")
    return array.astype(np.int64)


def _positions(content: dict[str, Any], name: str, length: int) -> NDArray[np.int64]:
    positions = _integers(content[name]) - 1
    if not len(positions) or positions.min() < 0 or positions.max() >= length:
        raise ValueError(f"{name} does not count from 1 to {length}")
    return positions


def _wrong_file(path: str, reason: str, remedy: str) -> DatasetError:
    return DatasetError(f"{path} is not CUHK03's file of that name: {reason}. {remedy}")
