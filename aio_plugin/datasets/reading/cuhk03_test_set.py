"""Run as a script: the pairs and persons of a test set in ``cuhk-03.mat``, which is the standard input, as JSON.

A process of its own with bounded memory, because a damaged file can crash the HDF5 library. Links to other files, and
data that lie in them, are not followed.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

MOST_MEMORY = 2 << 30
MOST_PERSONS = 1 << 16
SPLITS = 20
"""Classic splits."""


def main(split: int) -> None:
    """Print the two rows of test set ``split``, from 1."""
    import h5py

    with os.fdopen(0, "rb") as stream, h5py.File(stream, "r") as file:
        if not isinstance(file.get("testsets", getlink=True), h5py.HardLink):
            raise ValueError("it has no testsets")
        sets = _own(h5py, file["testsets"])
        if sets.size != SPLITS or not h5py.check_ref_dtype(sets.dtype):
            raise ValueError(f"testsets has {sets.size} cells, not {SPLITS} references")
        pairs = _own(h5py, file[sets[()].ravel()[split - 1]])
        if pairs.ndim != 2 or pairs.shape[0] != 2 or not 0 < pairs.size <= 2 * MOST_PERSONS:
            raise ValueError(f"test set {split} is not a list of (camera pair, person)")
        if pairs.dtype.kind not in "iuf":
            raise ValueError(f"numbers expected, got {pairs.dtype}")
        print(json.dumps({"pairs": pairs[()].tolist()}))  # HDF5 holds MATLAB's arrays transposed


def _own(h5py: Any, dataset: Any) -> Any:
    """A dataset whose data the file itself holds."""
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise ValueError("it refers to something else than data of its own")
    return dataset


if __name__ == "__main__":
    with contextlib.suppress(ImportError):  # Windows has no limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    try:
        main(int(sys.argv[1]))
    except Exception as error:  # h5py raises many types
        print(json.dumps({"error": str(error)[:200] or type(error).__name__}))
