"""SYSU-MM01's ``rand_perm_cam.mat``: the images that each official trial draws."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError
from .mat_file import load_variables

IdentityPermutations = dict[int, NDArray[np.int64]]
"""Raw identity -> (trials, images) image numbers from 1, a permutation in every row."""

VARIABLE, CAMERAS = "rand_perm_cam", 6


def read_permutations(path: str) -> dict[int, IdentityPermutations]:
    """The permutations of every camera, cameras counted from 1.

    Raises:
        DatasetError: it is not that file: unreadable, without the variable, or with rows that are not permutations.
    """
    try:
        variable = load_variables(path, [VARIABLE])[VARIABLE]
        cells = variable if isinstance(variable, list) else np.ravel(variable)
        if len(cells) != CAMERAS:
            raise ValueError(f"{VARIABLE} has {len(cells)} cells, not one for each of {CAMERAS} cameras")
        return {camera: _permutations(camera, cell) for camera, cell in enumerate(cells, 1)}
    except (KeyError, ValueError, OSError) as error:
        reason = f"it has no variable {VARIABLE}" if isinstance(error, KeyError) else str(error)
        raise DatasetError(
            f"{path} is not SYSU-MM01's permutation file: {reason}. Restore it from wuancong/SYSU-MM01."
        ) from error


def _permutations(camera: int, cell: Any) -> IdentityPermutations:
    permutations = {}
    for pid, rows in enumerate(cell if isinstance(cell, list) else np.ravel(cell), 1):
        if not np.size(rows):
            continue  # this camera never saw this person
        if isinstance(rows, str | list) or np.ndim(rows) != 2:
            raise ValueError(f"person {pid} under camera {camera} has no table of trials by images")
        if not (np.sort(rows, axis=1) == np.arange(1, rows.shape[1] + 1)).all():
            raise ValueError(f"a row of person {pid} under camera {camera} is not a permutation")
        permutations[pid] = rows.astype(np.int64)
    return permutations
