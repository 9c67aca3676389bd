"""CUHK03's MATLAB files: the new protocol and the classic splits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError
from ...outside_files import open_regular
from . import cuhk03_test_set
from .checks import import_package
from .mat_file import load_variables

MOST_SECONDS = 60
"""Reading of a test set, which takes less than one."""
PAIR = 1000
"""A person is identified by a camera pair and a number in it, of less than that."""
VARIABLES = ("filelist", "labels", "train_idx", "query_idx", "gallery_idx")
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
        content = load_variables(path, VARIABLES)
        filelist = content["filelist"]
        names = [_name(cell) for cell in (filelist if isinstance(filelist, list) else np.ravel(filelist))]
        labels = _integers(content["labels"])
        if len(labels) != len(names):
            raise ValueError(f"filelist has {len(names)} names, labels {len(labels)} numbers")
        parts = [_positions(content, f"{part}_idx", len(names)) for part in ("train", "query", "gallery")]
    except (KeyError, ValueError, OSError) as error:
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
    import_package("h5py", "CUHK03's classic splits need")
    environment = {**os.environ, "HDF5_PLUGIN_PRELOAD": "::"}  # no plug-ins
    try:
        with open_regular(path) as file:
            child = subprocess.run(
                [sys.executable, cuhk03_test_set.__file__, str(split)],
                stdin=file,
                capture_output=True,
                env=environment,
                timeout=MOST_SECONDS,
            )
        answer = json.loads(child.stdout or "{}")
        if "pairs" not in answer:
            raise ValueError(answer.get("error", f"reading it ends with exit code {child.returncode}"))
        numbers = _integers(answer["pairs"]).reshape(2, -1)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise _wrong_file(path, str(error), "Get the published file again.") from error
    return {PAIR * pair + person for pair, person in numbers.T.tolist()}


def _name(cell: Any) -> str:
    if not isinstance(cell, str):
        raise ValueError("filelist holds something that is not a file name")
    return cell


def _integers(values: Any) -> NDArray[np.int64]:
    array = np.ravel(values)
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
