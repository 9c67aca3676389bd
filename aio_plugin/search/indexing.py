"""Writing an index: pictures are added, encoded anew where they changed, and deleted, a few hundred rows a commit.

A commit is whole or not there. So a run that is killed loses no more than its last pictures, and another one goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import GalleryError
from ..modality import Item, Media
from ..outside_files import file_sha256
from .gallery import UNIT
from .pictures import BoxMedia, IndexedPicture, Pictures
from .store import FILE_STATE, Store, quoted

if TYPE_CHECKING:
    import pyarrow as pa

COMMIT = 512
"""Rows of a commit."""
PASS = 1 << 15
"""Pictures that are given to the model at once."""
DELETED = 500
"""Rows of one deletion by id."""

FileState = tuple[int, int]
"""Bytes of a file, and nanoseconds since 1970 of its last change."""


class Encoder(Protocol):
    """What an index needs of a model; :class:`aio_plugin.search.model.ReIDModel` is one."""

    dim: int
    settings: dict[str, Any]

    @property
    def digest(self) -> str:
        """Of all that features depend on."""
        ...

    def stream(
        self, items: Sequence[Any], *, batch_size: int, workers: int, progress: bool
    ) -> Iterator[tuple[list[int], Tensor, dict[int, str]]]:
        """Positions of some items, their features (n, D), and position -> what is wrong with those without one."""
        ...


@dataclass
class IndexCounts:
    """What a run did: numbers of rows.

    Attributes:
        added, encoded_anew: pictures that were encoded, because they were not there or their files had changed.
        described_anew: pictures whose values were replaced.
        unchanged: pictures that were there already.
        refused: path and what is wrong, of pictures that could not be indexed.
    """

    added: int = 0
    encoded_anew: int = 0
    described_anew: int = 0
    unchanged: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: IndexCounts) -> None:
        """Count what another process did."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class _Known(NamedTuple):
    """What the index has of pictures: columns of all rows, sorted by id."""

    ids: Any
    table: Any

    @classmethod
    def read(cls, store: Store, columns: Sequence[str]) -> _Known:
        table = store.read(["id", *FILE_STATE, "modality", *columns]).sort_by("id")
        return cls(table["id"].to_numpy().astype("S32"), table)

    def rows(self, pictures: Sequence[IndexedPicture]) -> dict[str, Mapping[str, Any]]:
        """The rows of those of the pictures that are there, by id."""
        wanted = np.array([picture.id for picture in pictures], "S32")
        places = np.searchsorted(self.ids, wanted)
        there = places < len(self.ids)
        there[there] = self.ids[places[there]] == wanted[there]
        return {row["id"]: row for row in self.table.take(places[there]).to_pylist()}


def index_pictures(
    store: Store,
    model: Encoder,
    pictures: Pictures,
    *,
    batch_size: int = 100,
    workers: int = 0,
    progress: bool = False,
    refuse: Callable[[str, str], None] = lambda path, fault: None,
) -> IndexCounts:
    """Bring the pictures into the index: those it lacks, and those whose file or values have changed.

    Args:
        pictures: below the index's root, or below the same folder at another place.
        batch_size, workers, progress: as in :meth:`aio_plugin.search.model.ReIDModel.encode`.
        refuse: is told of every picture that cannot be indexed, and what is wrong with it.

    Raises:
        GalleryError: the index is of another model or damaged.
        WriteError: the disk is full and the like; what is committed stays.
    """
    counts = IndexCounts()

    def refused(path: str, fault: str) -> None:
        counts.refused.append((path, fault))
        refuse(path, fault)

    for path, fault in pictures.refused:
        refused(path, fault)
    known, pending = _Known.read(store, pictures.stated), _Pending(store, pictures, refused, counts)
    for picture, state, is_new in _outdated(store, known, pictures, counts, refused):
        pending.add(picture, state, is_new)
        if len(pending) == PASS:
            pending.encode(model, batch_size, workers, progress)
    pending.encode(model, batch_size, workers, progress)
    return counts


def _outdated(
    store: Store, known: _Known, pictures: Pictures, counts: IndexCounts, refused: Callable[[str, str], None]
) -> Iterator[tuple[IndexedPicture, FileState, bool]]:
    """Pictures to encode, with the state of their file, and whether they are new; updates those of other values."""
    for start in range(0, len(pictures.listed), COMMIT):
        some = pictures.listed[start : start + COMMIT]
        rows, described = known.rows(some), []
        for picture in some:
            path, row = os.path.join(pictures.root, picture.path), rows.get(picture.id)
            try:
                state = file_state(path)
                if row is None or row["modality"] != str(picture.modality):
                    yield picture, state, row is None
                    continue
                touched = state != (row["size"], row["modified"])
                if touched and file_sha256(path) != row["sha256"]:
                    yield picture, state, False
                    continue
            except OSError as error:
                refused(picture.path, error.strerror or str(error))
                continue
            values = values_of(picture, pictures.stated)
            same = all(row[name] == value for name, value in values.items())
            counts.unchanged += same
            counts.described_anew += not same
            if touched or not same:
                size, modified = state
                described.append({"id": picture.id, "size": size, "modified": modified, **values})
        if described:
            store.update(rows_table(store.schema, described))


def file_state(path: str) -> FileState:
    """The state of a file, links followed; OSError if there is none."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def values_of(picture: IndexedPicture, stated: Sequence[str]) -> dict[str, Any]:
    """The columns of values that were stated for a picture."""
    return {name: picture.time if name == "time" else picture.values.get(name) or None for name in stated}


def rows_table(schema: pa.Schema, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of the same columns as a table of these columns."""
    import pyarrow as pa

    fields = [each for each in schema if each.name in rows[0]]
    return pa.Table.from_pylist([dict(row) for row in rows], schema=pa.schema(fields))


class _Pending:
    """Pictures to encode, and rows to commit."""

    def __init__(
        self, store: Store, pictures: Pictures, refused: Callable[[str, str], None], counts: IndexCounts
    ) -> None:
        self._store, self._root, self._stated = store, pictures.root, pictures.stated
        self._refused, self._counts = refused, counts
        self._pictures: list[tuple[IndexedPicture, FileState, bool]] = []

    def __len__(self) -> int:
        return len(self._pictures)

    def add(self, picture: IndexedPicture, state: FileState, is_new: bool) -> None:
        self._pictures.append((picture, state, is_new))

    def encode(self, model: Encoder, batch_size: int, workers: int, progress: bool) -> None:
        """Encode and commit all."""
        if not self._pictures:
            return
        items = [self._item(picture) for picture, _, _ in self._pictures]
        places: list[int] = []
        features: list[Tensor] = []
        for some, encoded, unreadable in model.stream(items, batch_size=batch_size, workers=workers, progress=progress):
            for place, fault in unreadable.items():
                self._refused(self._pictures[place][0].path, fault)
            places += some
            features.append(encoded)
            if len(places) >= COMMIT:
                self._commit(places, torch.cat(features))
                places, features = [], []
        if places:
            self._commit(places, torch.cat(features))
        self._pictures.clear()

    def _item(self, picture: IndexedPicture) -> Item:
        path = os.path.join(self._root, picture.path)
        medium = BoxMedia(path, picture.modality, picture.box) if picture.box else Media(path, picture.modality)
        return Item(medium, 0, 0)

    def _commit(self, places: Sequence[int], features: Tensor) -> None:
        """Write the rows of pictures whose files are as they were before they were encoded."""
        import pyarrow as pa

        lengths = features.norm(dim=1)
        if not bool((abs(lengths - 1) < UNIT).all()):
            raise GalleryError("The model gives features that are not of unit length: it diverged, or is broken.")
        rows, kept, hashes = [], [], {}
        for at, place in enumerate(places):
            picture, state, is_new = self._pictures[place]
            path = os.path.join(self._root, picture.path)
            try:
                if path not in hashes:
                    hashes[path] = file_sha256(path)
                if file_state(path) != state:
                    raise OSError("it changed while it was encoded; index again")
            except OSError as error:
                self._refused(picture.path, error.strerror or str(error))
                continue
            kept.append(at)
            rows.append(
                {
                    "id": picture.id,
                    "path": picture.path,
                    "box": picture.box,
                    "modality": str(picture.modality),
                    **dict(zip(FILE_STATE, (*state, hashes[path]), strict=True)),
                    **values_of(picture, self._stated),
                }
            )
            self._counts.added += is_new
            self._counts.encoded_anew += not is_new
        if rows:
            table = rows_table(self._store.schema, rows)
            flat = pa.array(features[kept].numpy().ravel(), pa.float32())
            vectors = pa.FixedSizeListArray.from_arrays(flat, features.shape[1])
            self._store.merge(table.append_column(self._store.schema.field("vector"), vectors))


def prune(store: Store, root: str = "") -> int:
    """Delete the rows of pictures that are gone or whose content has changed; returns how many.

    Args:
        root: the folder that paths are below; "" = where it was when the index was made.

    Raises:
        GalleryError: the index's root, or every picture, is gone: a disk that is not there is more likely.
        WriteError: the disk is full and the like.
    """
    root = root or store.index.root
    if not os.path.isdir(root):
        raise GalleryError(f"{root!r}, the root of {store.uri}, is not there; mount it. Nothing was deleted.")
    gone, there = [], 0
    for batch in store.batches(["id", "path", *FILE_STATE]):
        for row in batch.to_pylist():
            path = os.path.join(root, row["path"])
            try:
                same = file_state(path) == (row["size"], row["modified"]) or file_sha256(path) == row["sha256"]
                there += 1
            except OSError:
                same = False
            gone += [] if same else [row["id"]]
    if gone and not there:
        raise GalleryError(f"Every picture of {store.uri} is gone from {root!r}; mount it. Nothing was deleted.")
    for start in range(0, len(gone), DELETED):
        store.delete(f"`id` IN ({', '.join(map(quoted, gone[start : start + DELETED]))})")
    return len(gone)
