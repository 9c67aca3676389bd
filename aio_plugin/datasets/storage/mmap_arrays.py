"""Arrays in a folder of ``.npy`` files, mapped into memory: read where they are touched, shared by processes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...atomic_write import written_whole
from ...errors import DatasetError

Arrays = Mapping[str, NDArray[Any]]
ABOUT = "about.json"
SAMPLES, SAMPLE = 16, 1 << 16


class MappedArrays(dict[str, NDArray[Any]]):
    """The arrays of a folder, read-only. It pickles as the folder's path, so that workers map it too.

    Args:
        path: of the folder.

    Attributes:
        about: the description that was saved with the arrays.
        digest: of ``about`` and of samples of the files.

    Raises:
        ValueError: a file is cut short or damaged, as far as samples of it show.
        OSError: a file cannot be read.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        try:
            with open(os.path.join(path, ABOUT), encoding="utf-8") as file:
                content = json.load(file)
            self.about: dict[str, Any] = content["about"]
            self.digest: str = content["digest"]
            damaged = self.digest != _digest(path, content["arrays"], self.about)
        except (AttributeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"{path}/{ABOUT} is damaged.") from error
        if damaged:
            raise ValueError(f"{path} is damaged.")
        for name in content["arrays"]:
            self[name] = np.asarray(np.load(_file(path, name), mmap_mode="r", allow_pickle=False))

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.path, self.digest)


def save_arrays(path: str, arrays: Arrays, about: Mapping[str, Any]) -> None:
    """Write arrays for :class:`MappedArrays`, in place of those that the folder holds.

    The description, without which there are no arrays, is removed first and written last.

    Args:
        about: what to keep with them, as JSON.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(path)
    if folder.is_dir():
        (folder / ABOUT).unlink(missing_ok=True)
        shutil.rmtree(folder)
    for name, array in arrays.items():
        with written_whole(folder / f"{name}.npy") as file:
            np.save(file, array)
    content = {"arrays": list(arrays), "about": about, "digest": _digest(path, list(arrays), about)}
    with written_whole(folder / ABOUT) as file:
        file.write(json.dumps(content, separators=(",", ":")).encode())


def file_fingerprint(path: str) -> str:
    """A digest of a file by samples over all its length, and of all of it if they are few.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.blake2b(str(size).encode(), digest_size=16)
        for offset in sample_offsets(size):
            file.seek(offset)
            digest.update(file.read(SAMPLE))
    return digest.hexdigest()


def sample_offsets(size: int) -> list[int]:
    """Where the samples of ``size`` bytes begin, each ``SAMPLE`` bytes long or all that there are."""
    last = max(0, size - SAMPLE)
    return sorted({last * number // (SAMPLES - 1) for number in range(SAMPLES)})


def _digest(path: str, names: list[str], about: Mapping[str, Any]) -> str:
    parts = [json.dumps(about, sort_keys=True), *names, *(file_fingerprint(_file(path, name)) for name in names)]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _file(path: str, name: str) -> str:
    return os.path.join(path, f"{name}.npy")


def _reopen(path: str, digest: str) -> MappedArrays:
    """In a worker: the folder that the parent process has mapped."""
    try:
        arrays = MappedArrays(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} was removed or damaged while in use. Start the run again.") from error
    if arrays.digest != digest:
        raise DatasetError(f"{path} was rebuilt while in use, as its source changed. Start the run again.")
    return arrays
