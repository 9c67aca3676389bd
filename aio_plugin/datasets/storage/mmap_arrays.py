"""Arrays in a folder of ``.npy`` files, mapped into memory: read where they are touched, shared by processes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ...atomic_write import written_whole
from ...errors import DatasetError
from ...outside_files import MOST_JSON, open_regular, parse_json

Arrays = Mapping[str, NDArray[Any]]
ABOUT = "about.json"
HEADER, SIZE = 1 << 12, 16
"""More bytes than the header of an array of numbers takes; bytes of a digest."""


class MappedArrays(dict[str, NDArray[Any]]):
    """The arrays of a folder, read-only. It pickles as the folder's path, so that workers map it too.

    Args:
        path: of the folder.
        verified: the ``digest`` of arrays that this process need not check again.

    Attributes:
        about: the description that was saved with the arrays.
        digests: of every file, over all its bytes.
        digest: of ``about`` and of ``digests``.

    Raises:
        ValueError: a file is cut short or damaged, in whatever place.
        OSError: a file cannot be read.
    """

    def __init__(self, path: str, verified: str = "") -> None:
        super().__init__()
        self.path = path
        try:
            with open_regular(os.path.join(path, ABOUT), MOST_JSON, follow=False) as file:
                content = parse_json(file.read())
            self.about: dict[str, Any] = content["about"]
            self.digests: dict[str, str] = content["arrays"]
            self.digest: str = content["digest"]
            inside = all(name == os.path.basename(name) for name in self.digests)
            if not inside or self.digest != _digest(self.digests, self.about):
                raise ValueError(f"{path}/{ABOUT} is damaged.")
            for name, digest in self.digests.items():
                with open_regular(_file(path, name), follow=False) as file:
                    raw: NDArray[np.uint8] = np.asarray(np.memmap(file, np.uint8, "r"))
                if self.digest != verified and hashlib.blake2b(raw.data, digest_size=SIZE).hexdigest() != digest:
                    raise ValueError(f"{_file(path, name)} is damaged.")
                header = io.BytesIO(raw[:HEADER].tobytes())
                npy.read_magic(header)
                shape, _, dtype = npy.read_array_header_1_0(header)
                self[name] = raw[header.tell() :].view(dtype).reshape(shape)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"{path}/{ABOUT} is damaged.") from error

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
    digests = digests_of(arrays)
    content = {"arrays": digests, "about": about, "digest": _digest(digests, about)}
    with written_whole(folder / ABOUT) as file:
        file.write(json.dumps(content, separators=(",", ":")).encode())


def digests_of(arrays: Arrays) -> dict[str, str]:
    """A digest of every array: that of the file it is saved in."""
    if isinstance(arrays, MappedArrays):
        return arrays.digests
    hashers = {name: _Hasher() for name in arrays}
    for name, array in arrays.items():
        np.save(hashers[name], array)
    return {name: hasher.blake2b.hexdigest() for name, hasher in hashers.items()}


class _Hasher(io.RawIOBase):
    """A file that keeps the digest of what is written to it."""

    def __init__(self) -> None:
        self.blake2b = hashlib.blake2b(digest_size=SIZE)

    def write(self, data: Any) -> int:
        self.blake2b.update(data)
        return len(data)


def _digest(digests: Mapping[str, str], about: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps([digests, about], sort_keys=True).encode(), digest_size=SIZE).hexdigest()


def _file(path: str, name: str) -> str:
    return os.path.join(path, f"{name}.npy")


def _reopen(path: str, digest: str) -> MappedArrays:
    """In a worker: the folder that the parent process has mapped and checked."""
    try:
        arrays = MappedArrays(path, verified=digest)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} was removed or damaged while in use. Start the run again.") from error
    if arrays.digest != digest:
        raise DatasetError(f"{path} was rebuilt while in use, as its source changed. Start the run again.")
    return arrays
