"""MATLAB files before version 7.3, and SYSU-MM01's ``rand_perm_cam.mat``: the images that each official trial draws."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError

IdentityPermutations = dict[int, NDArray[np.int64]]
"""Raw identity -> (trials, images) image numbers from 1, a permutation in every row."""

VARIABLE, CAMERAS = "rand_perm_cam", 6


def load_variables(path: str) -> dict[str, Any]:
    """The variables of a MATLAB file.

    Raises:
        ValueError: it is not such a file, or is damaged.
    """
    from scipy.io import loadmat  # takes a third of a second, which only the datasets that need it should cost
    from scipy.io.matlab import MatReadError

    try:
        return dict(loadmat(path))
    except (OSError, TypeError, NotImplementedError, MatReadError, zlib.error, LookupError, NameError) as error:
        raise ValueError(str(error)) from error  # scipy trips over damaged files in any of these ways
    except (MemoryError, OverflowError) as error:
        raise ValueError(f"an array has an impossible size: {error}") from error


def read_permutations(path: str) -> dict[int, IdentityPermutations]:
    """The permutations of every camera, cameras counted from 1.

    Raises:
        DatasetError: it is not that file: unreadable, without the variable, or with rows that are not permutations.
    """
    try:
        cells = np.ravel(load_variables(path)[VARIABLE])
        if len(cells) != CAMERAS:
            raise ValueError(f"{VARIABLE} has {len(cells)} cells, not one for each of {CAMERAS} cameras")
        return {camera: _permutations(camera, cell) for camera, cell in enumerate(cells, 1)}
    except (KeyError, ValueError) as error:
        reason = f"it has no variable {VARIABLE}" if isinstance(error, KeyError) else str(error)
        raise DatasetError(
            f"{path} is not SYSU-MM01's permutation file: {reason}. Restore it from wuancong/SYSU-MM01."
        ) from error


def _permutations(camera: int, cell: Any) -> IdentityPermutations:
    permutations = {}
    for pid, rows in enumerate(np.asarray(cell, dtype=object).ravel(), 1):
        if not np.size(rows):
            continue  # this camera never saw this person
        if np.ndim(rows) != 2 or np.asarray(rows).dtype.kind not in "iuf":
            raise ValueError(f"person {pid} under camera {camera} has no table of trials by images")
        table = np.asarray(rows, dtype=np.int64)
        if not (np.sort(table, axis=1) == np.arange(1, table.shape[1] + 1)).all():
            raise ValueError(f"a row of person {pid} under camera {camera} is not a permutation")
        permutations[pid] = table
    return permutations
