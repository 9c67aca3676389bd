"""Features on disk: a memory-mapped .npy that is filled in order, and a description with the number of rows done.

``<part>.npy`` has the features (N, D); ``<part>.items.jsonl`` has a line for every row with ``name``, ``pid``,
``camid`` and ``media`` (modality -> path); ``<part>.json`` describes the features. Its ``rows_done`` is the number of
rows that are computed, ``rows_sha256`` a digest of them. Only this small file is rewritten as the work proceeds.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..atomic_write import written_whole
from ..errors import CacheError, CheckpointError, MediaError
from ..evaluation.results import write_json
from ..image_files import image_stat
from ..modality import Item
from ..outside_files import open_regular, read_json

SCHEMA, ROWS_DONE, ROWS_SHA256 = 1, "rows_done", "rows_sha256"


def item_lines(items: Sequence[Item], root: str) -> bytes:
    """The lines of ``<part>.items.jsonl``; paths are relative to ``root`` where they are below it."""
    lines = (json.dumps(_describe(item, os.path.join(root, "")), ensure_ascii=False) for item in items)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def files_digest(items: Sequence[Item], root: str) -> str:
    """A sha256 of the state of the items' image files: name, size, and times that change with their content.

    Raises:
        MediaError: there is no such file.
    """
    digest = hashlib.sha256()
    for path in dict.fromkeys(str(part) for item in items for part in item.media.parts if part.caption is None):
        try:
            state = image_stat(path)
        except OSError as error:
            raise MediaError(f"{path}: cannot be read ({error.strerror}); check data.root.") from error
        times = f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
        digest.update(f"{_relative(path, os.path.join(root, ''))}\0{times}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _describe(item: Item, base: str) -> dict[str, Any]:
    paths = {part.modality.value: _relative(str(part), base) for part in item.media.parts}
    line = {"name": _relative(str(item.media), base), "pid": item.pid, "camid": item.camid, "media": paths}
    caption = next((part.caption for part in item.media.parts if part.caption is not None), None)
    synthetic = [part.modality.value for part in item.media.parts if part.synthetic]
    return {**line, **({"caption": caption} if caption else {}), **({"synthetic": synthetic} if synthetic else {})}


def _relative(path: str, base: str) -> str:
    return os.path.relpath(path, base).replace(os.sep, "/") if path.startswith(base) else path


class FeatureFile:
    """The features of one list of items, written in order; a partial file is resumed.

    Args:
        folder: of the three files.
        part: their stem, ``query`` or ``gallery``.
        items: the lines of :func:`item_lines`.
        description: of the features; must have ``rows``, ``dim`` and ``dtype``.

    Attributes:
        done: number of rows that are safely on disk.

    Raises:
        CheckpointError: the folder has features with another description; names the differences.
        CacheError: there is not enough space, or files of the folder are broken.
    """

    def __init__(self, folder: Path, part: str, items: bytes, description: Mapping[str, Any]) -> None:
        self._npy, self._items, self._json = (folder / f"{part}.{end}" for end in ("npy", "items.jsonl", "json"))
        description = {"schema": SCHEMA, "part": part, **description, "items_sha256": hashlib.sha256(items).hexdigest()}
        self._description: dict[str, Any] = json.loads(json.dumps(description))  # as it will be read back
        shape, dtype = (int(description["rows"]), int(description["dim"])), np.dtype(description["dtype"])
        self._digest, self.done = hashlib.sha256(), 0
        try:
            done, digest = self._rows_done(shape[0]) if self._json.is_file() else self._create(items, shape, dtype)
            head = _npy_head(shape, dtype)
            with open_regular(self._npy) as file:
                whole = (
                    file.read(len(head)) == head
                    and os.path.getsize(self._npy) >= len(head) + shape[0] * shape[1] * dtype.itemsize
                )
            if not whole:
                raise ValueError(f"{self._npy.name} is damaged, or does not match {self._json.name}")
            self._rows = np.memmap(self._npy, dtype, "r+", len(head), shape)
            self._count(done)
            if self._digest.hexdigest() != digest:
                raise ValueError(f"the finished rows of {self._npy.name} are not those of {self._json.name}")
            if not (self._items.is_file() and self._items.read_bytes() == items):
                with written_whole(self._items) as file:
                    file.write(items)
        except (OSError, ValueError) as error:
            megabytes = shape[0] * shape[1] * dtype.itemsize / 1e6
            raise CacheError(
                f"{folder}: features cannot be written there ({error}); they take {megabytes:,.1f} MB. Free disk "
                "space, or give another --out; delete broken files."
            ) from error

    def write(self, start: int, features: Tensor) -> None:
        """Write features (n, D) to the rows from ``start`` on; :meth:`commit` makes them permanent."""
        self._rows[start : start + len(features)] = features.numpy().astype(self._rows.dtype)

    def commit(self, done: int) -> None:
        """Flush to disk, then record that the first ``done`` rows are computed."""
        self._rows.flush()
        self._count(done)
        self._describe()

    def _describe(self) -> None:
        write_json({**self._description, ROWS_DONE: self.done, ROWS_SHA256: self._digest.hexdigest()}, self._json)

    def _count(self, done: int) -> None:
        """Rows up to ``done`` are finished."""
        self._digest.update(np.ascontiguousarray(self._rows[self.done : done]).data)
        self.done = done

    def _rows_done(self, rows: int) -> tuple[int, str]:
        """How many rows of an earlier run are finished, and their digest."""
        before = read_json(self._json)
        if not isinstance(before, dict):
            raise ValueError(f"{self._json.name} is damaged")
        done, digest = before.pop(ROWS_DONE, None), before.pop(ROWS_SHA256, None)
        ours = self._description
        differing = [key for key in {**ours, **before} if ours.get(key) != before.get(key)]
        if differing:
            raise CheckpointError(
                f"{self._json} describes other features: {', '.join(differing)} differ. Use the settings it was begun "
                "with, or give another --out."
            )
        if type(done) is not int or not 0 <= done <= rows:
            raise ValueError(f"{self._json.name} is damaged: {ROWS_DONE} is {done!r:.50}")
        return done, str(digest)

    def _create(self, items: bytes, shape: tuple[int, int], dtype: np.dtype[Any]) -> tuple[int, str]:
        with written_whole(self._items) as file:
            file.write(items)
        np.lib.format.open_memmap(self._npy, "w+", dtype, shape).flush()
        if hasattr(os, "posix_fallocate"):  # reports a full disk now, where later it would be a crash
            with open(self._npy, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, os.path.getsize(self._npy))
        self._describe()
        return 0, self._digest.hexdigest()


def _npy_head(shape: tuple[int, int], dtype: np.dtype[Any]) -> bytes:
    """What a .npy file of that shape begins with."""
    head = io.BytesIO()
    about = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, about)
    return head.getvalue()
