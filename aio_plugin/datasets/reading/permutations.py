"""SYSU-MM01's ``rand_perm_cam.mat``: which image of whom every official trial draws."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError

Permutations = dict[int, dict[int, NDArray[np.int64]]]
"""Camera (from 1) -> raw identity -> (trials, images) image numbers from 1, a permutation in every row."""

VARIABLE, CAMERAS = "rand_perm_cam", 6


def read_permutations(path: str) -> Permutations:
    """The permutations of a MATLAB version 5 file.

    Raises:
        DatasetError: it is not that file: unreadable, without the variable, or with rows that are
            no permutations.
    """
    from scipy.io import loadmat  # a third of a second, which only SYSU-MM01 should cost
    from scipy.io.matlab import MatReadError

    try:
        cell = loadmat(path)[VARIABLE].ravel()
    except KeyError as error:
        raise _wrong(path, f"it has no variable {VARIABLE}") from error
    except (OSError, ValueError, TypeError, NotImplementedError, MatReadError) as error:
        raise _wrong(path, str(error)) from error
    if len(cell) != CAMERAS:
        raise _wrong(path, f"{VARIABLE} has {len(cell)} cells, not one for each of {CAMERAS} cameras")
    return {camera: _persons(path, camera, persons) for camera, persons in enumerate(cell, 1)}


def _persons(path: str, camera: int, persons: Any) -> dict[int, NDArray[np.int64]]:
    found = {}
    for pid, rows in enumerate(np.asarray(persons, dtype=object).ravel(), 1):
        if not np.size(rows):
            continue  # this person was never seen by this camera
        if np.ndim(rows) != 2 or np.asarray(rows).dtype.kind not in "iuf":
            raise _wrong(path, f"person {pid} under camera {camera} has no table of trials by images")
        table = np.asarray(rows, dtype=np.int64)
        if not (np.sort(table, axis=1) == np.arange(1, table.shape[1] + 1)).all():
            raise _wrong(path, f"a row of person {pid} under camera {camera} is no permutation")
        found[pid] = table
    return found


def _wrong(path: str, reason: str) -> DatasetError:
    return DatasetError(f"{path} is not SYSU-MM01's permutation file: {reason}. Restore it from wuancong/SYSU-MM01.")
