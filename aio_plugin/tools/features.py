"""Features on disk: a memory-mapped .npy that grows block by block, and what says of what and how far.

``<part>.npy`` holds features (N, D); ``<part>.items.jsonl`` has a line for every row, with ``name``, ``pid``,
``camid`` and ``media`` (modality -> path); ``<part>.json`` is the rest, with ``rows_done``: rows from there on are not
computed yet. It alone is written again and again, so millions of names are not.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..atomic_write import written_whole
from ..errors import CacheError, CheckpointError
from ..evaluation.results import write_json
from ..modality import Item

SCHEMA, DONE = 1, "rows_done"


def records(items: Sequence[Item], root: str) -> bytes:
    """The lines of ``<part>.items.jsonl``; paths are relative to ``root`` where they lie below it."""
    lines = (json.dumps(_record(item, root), ensure_ascii=False) for item in items)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def _record(item: Item, root: str) -> dict[str, Any]:
    parts = item.media.parts
    media = {part.modality.value: _relative(str(part), root) for part in parts}
    line = {"name": _relative(str(item.media), root), "pid": item.pid, "camid": item.camid, "media": media}
    caption = next((part.caption for part in parts if part.caption is not None), None)
    made = [part.modality.value for part in parts if part.synthetic]
    return {**line, **({"caption": caption} if caption else {}), **({"synthetic": made} if made else {})}


class FeatureFile:
    """The features of one list of items, to be written in order; opened again it goes on where it was.

    Args:
        folder: where the three files lie.
        part: their name, ``query`` or ``gallery``.
        items: lines as :func:`records` gives them.
        facts: what the features are of, ``rows``, ``dim`` and ``dtype`` among it.

    Attributes:
        done: rows that are written for good.

    Raises:
        CheckpointError: the folder holds features of something else; names what differs.
        CacheError: there is no room for all of it, or files of the folder are broken.
    """

    def __init__(self, folder: Path, part: str, items: bytes, facts: Mapping[str, Any]) -> None:
        self._features, self._items, self._json = (folder / f"{part}.{end}" for end in ("npy", "items.jsonl", "json"))
        facts = {"schema": SCHEMA, "part": part, **facts, "items_sha256": hashlib.sha256(items).hexdigest()}
        self._facts: dict[str, Any] = json.loads(json.dumps(facts))  # as they will be read back
        shape = (int(facts["rows"]), int(facts["dim"]))
        self.done = 0
        try:
            if self._json.is_file():
                self.done = self._begun()
            else:
                self._begin(items, shape)
            np.lib.format.open_memmap(self._features, mode="r")  # which, unlike r+, lengthens no file that is cut short
            self._rows = np.lib.format.open_memmap(self._features, mode="r+")
        except (OSError, ValueError, EOFError) as error:
            raise CacheError(
                f"{folder}: features cannot be kept there ({error}); they take {_megabytes(shape, facts['dtype'])}. "
                "Free the disk, or give another --out; delete what is broken."
            ) from error
        if self._rows.shape != shape or self._rows.dtype != np.dtype(facts["dtype"]):
            raise CacheError(f"{self._features} is not what {self._json} says; delete both, or give another --out.")

    def write(self, start: int, features: Tensor) -> None:
        """Put features (n, D) into the rows from ``start`` on; :meth:`keep` makes them last."""
        self._rows[start : start + len(features)] = features.numpy().astype(self._rows.dtype)

    def keep(self, done: int) -> None:
        """Make the first ``done`` rows last: they are on the disk before it is said that they are."""
        self._rows.flush()
        self.done = done
        write_json({**self._facts, DONE: done}, self._json)

    def _begun(self) -> int:
        with open(self._json, encoding="utf-8") as file:
            found = json.load(file)
        done = int(found.pop(DONE))
        differing = [key for key in {**self._facts, **found} if self._facts.get(key) != found.get(key)]
        if differing:
            raise CheckpointError(
                f"{self._json} is of other features: {', '.join(differing)} differ. Go on with what it was begun with, "
                "or give another --out."
            )
        return done

    def _begin(self, items: bytes, shape: tuple[int, int]) -> None:
        with written_whole(self._items) as file:
            file.write(items)
        rows = np.lib.format.open_memmap(self._features, "w+", np.dtype(self._facts["dtype"]), shape)
        rows.flush()
        if hasattr(os, "posix_fallocate"):  # a full disk is an error now and not a crash on the way
            with open(self._features, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, os.path.getsize(self._features))
        write_json({**self._facts, DONE: 0}, self._json)


def _relative(path: str, root: str) -> str:
    inside = path.startswith(os.path.join(root, ""))
    return os.path.relpath(path, root).replace(os.sep, "/") if inside else path


def _megabytes(shape: tuple[int, int], dtype: str) -> str:
    return f"{shape[0] * shape[1] * np.dtype(dtype).itemsize / 1e6:,.1f} MB"
