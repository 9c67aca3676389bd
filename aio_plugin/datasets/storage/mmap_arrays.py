"""Arrays in one file that is mapped into memory: opened at once, read where it is touched, shared by processes.

The file is in the safetensors format, which anything can look into and nothing runs code from.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...atomic_write import written_whole
from ...errors import DatasetError

Arrays = Mapping[str, NDArray[Any]]
TYPES: dict[str, np.dtype[Any]] = {"U64": np.dtype("<u8"), "I32": np.dtype("<i4"), "U8": np.dtype("u1")}
NAMES = {dtype: name for name, dtype in TYPES.items()}
LONGEST_HEADER = 1 << 20
SAMPLES, SAMPLE = 16, 1 << 16


class MappedArrays(Mapping[str, NDArray[Any]]):
    """The arrays of a file, read-only. It pickles as the file's path, so that workers map it too.

    Args:
        path: of the file.

    Attributes:
        about: what was said of the arrays when they were saved.
        digest: of ``about`` and of samples of the arrays.

    Raises:
        ValueError: the file is cut short or damaged, as far as its header and samples of its arrays show.
        OSError: it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with open(path, "rb") as file:
            text = file.read(_header_size(file.read(8)))
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            header = json.loads(text)
            meta = header.pop("__metadata__")
            self._arrays = {name: _array(mapping, 8 + len(text), place) for name, place in header.items()}
            self.digest: str = meta["digest"]
            found = _digest(self._arrays, meta["about"])
            self.about: dict[str, Any] = json.loads(meta["about"])
        except (AttributeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"The header of {path} is damaged.") from error
        if self.digest != found or 8 + len(text) + sum(a.nbytes for a in self._arrays.values()) != len(mapping):
            raise ValueError(f"{path} is damaged.")

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.path, self.digest)


def save(path: str, arrays: Arrays, about: Mapping[str, Any]) -> None:
    """Write arrays of the types in ``TYPES`` for :class:`MappedArrays`, whole or not at all.

    Args:
        arrays: (n,) each.
        about: what to keep with them, as JSON.

    Raises:
        OSError: the file cannot be written.
    """
    said = json.dumps(about, sort_keys=True)
    header: dict[str, Any] = {"__metadata__": {"about": said, "digest": _digest(arrays, said)}}
    ordered = sorted(arrays.items(), key=lambda pair: -pair[1].itemsize)  # each then begins where its type must
    end = 0
    for name, array in ordered:
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with written_whole(Path(path)) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in ordered:
            file.write(_bytes(array))


def fingerprint(size: int, read: Callable[[int, int], bytes | memoryview]) -> str:
    """A digest of ``size`` bytes by samples over all their length, and of all if they are few.

    Args:
        read: ``(offset, count) -> bytes``.
    """
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    last = max(0, size - SAMPLE)
    for offset in sorted({last * number // (SAMPLES - 1) for number in range(SAMPLES)}):
        digest.update(read(offset, min(SAMPLE, size - offset)))
    return digest.hexdigest()


def _digest(arrays: Arrays, about: str) -> str:
    """Of everything but the arrays' order in the file."""
    parts = [about]
    for name, array in sorted(arrays.items()):
        parts += [name, NAMES[array.dtype], str(len(array)), _samples(_bytes(array))]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _samples(view: memoryview) -> str:
    return fingerprint(len(view), lambda offset, count: view[offset : offset + count])


def _bytes(array: NDArray[Any]) -> memoryview:
    return array.view(np.uint8).data


def _header_size(first: bytes) -> int:
    size = int.from_bytes(first, "little")
    if len(first) < 8 or size > LONGEST_HEADER:
        raise ValueError("The file has no header.")
    return size


def _array(mapping: mmap.mmap, start: int, place: Mapping[str, Any]) -> NDArray[Any]:
    (length,), (begin, end), dtype = place["shape"], place["data_offsets"], TYPES[place["dtype"]]
    if not 0 <= begin <= end or length * dtype.itemsize != end - begin:
        raise ValueError("The file's header contradicts itself.")
    array: NDArray[Any] = np.frombuffer(mapping, dtype, length, start + begin)
    return array


def _reopen(path: str, digest: str) -> MappedArrays:
    """In a worker: the file that the parent process has mapped."""
    try:
        arrays = MappedArrays(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} was removed or damaged while in use. Start the run again.") from error
    if arrays.digest != digest:
        raise DatasetError(f"{path} was made anew while in use, as its source changed. Start the run again.")
    return arrays
