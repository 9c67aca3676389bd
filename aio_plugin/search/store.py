"""The Lance table that an index is: opened, created and changed, with what can go wrong in one line.

``people.lance`` is the table ``people`` of a LanceDB database, the folder around it, and may lie in object storage
(``s3://bucket/people.lance``, credentials as LanceDB finds them). Columns:

===========================  ==========================================================================================
id                           of the picture and its box, 32 hexadecimal digits; the primary key
path                         below the root, with ``/``
box                          x, y, width, height in pixels of the picture; null = all of it
modality                     that it was encoded as
vector                       (D) float32 of unit length
pid, camera, track           text; null = not known
time                         UTC, without a time zone; null = not known
size, modified, sha256       of the file when it was encoded: bytes, nanoseconds since 1970, content
(further)                    text, of a manifest's further columns or of fields of a pattern
===========================  ==========================================================================================
"""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import GalleryError, NoGalleryError, WriteError, printable
from ..file_lock import file_lock

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = 1
"""The form of the table."""

VALUES = ("pid", "camera", "track", "time")
"""Columns of what may be known of a picture, besides further ones."""
FILE_STATE = ("size", "modified", "sha256")
OWN = ("id", "path", "box", "modality", "vector", *FILE_STATE, *VALUES)

COLUMN = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""Names of further columns."""
MOST_COLUMNS = 64
"""Further columns."""

SUFFIX = ".lance"
_METADATA = b"aio_plugin"
_REMOTE = re.compile(r"[a-z][a-z0-9+]*://")
_ROWS = 8192
"""Of a batch that is read."""
_KEPT = timedelta(days=1)
"""How long a version stays readable after a newer one was written."""
_SMALL = 50
"""Fragments of few rows from which on they are joined."""
MARGIN = 1 << 22
"""Bytes of free space that a commit leaves besides its rows."""
_SYSTEM_ERROR = re.compile(r"([^:()]*) \(os error (\d+)\)")


@dataclass(frozen=True)
class IndexSettings:
    """What holds for all rows of an index.

    Attributes:
        digest: of the model, see :attr:`aio_plugin.search.model.ReIDModel.digest`.
        dim: D, values of a feature.
        root: the folder that paths are below.
        settings: what features depend on besides the trained tensors, by config key.
        schema: the form of the table.
    """

    digest: str
    dim: int
    root: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA


class Store:
    """The table of an index at one version; writing moves it to the version written.

    Args:
        uri: of the table, ending in ``.lance``.
        version: None = the newest.

    Attributes:
        index: what holds for all rows.

    Raises:
        GalleryError: LanceDB is not installed, there is no such table, it is damaged, or not an index.
    """

    def __init__(self, uri: str | os.PathLike[str], version: int | None = None) -> None:
        self.uri = index_uri(uri)
        with store_errors(self.uri):
            self._table = _database(self.uri).open_table(_name(self.uri))
            if version is not None:
                self._table.checkout(version)
            schema = self._table.schema
        self.index = _settings_of(schema, self.uri)

    @classmethod
    def create(cls, uri: str | os.PathLike[str], index: IndexSettings) -> Store:
        """A new table without rows; one that is there already is left and opened.

        Raises:
            GalleryError: as for opening.
            WriteError: the disk is full and the like.
        """
        try:
            return cls(uri)
        except NoGalleryError:
            uri = index_uri(uri)
            with store_errors(uri, writing=True):
                _database(uri).create_table(_name(uri), schema=_arrow_schema(index))
            return cls(uri)

    @property
    def version(self) -> int:
        """Of the table; every change makes a new one."""
        return int(self._table.version)

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        schema: pa.Schema = self._table.schema
        return schema

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of values, further ones last."""
        return (*VALUES, *(name for name in self.schema.names if name not in OWN))

    def count(self, where: str = "") -> int:
        """Rows, of those that a condition in SQL holds for."""
        with store_errors(self.uri):
            return int(self._table.count_rows(where or None))

    def batches(self, columns: Sequence[str], where: str = "") -> Iterator[pa.RecordBatch]:
        """Some columns and ``_rowid``, some thousand rows at a time, in the order of rows."""
        with store_errors(self.uri):
            query = self._table.search().select(list(columns)).with_row_id(True)
            yield from (query.where(where) if where else query).to_batches(_ROWS)

    def read(self, columns: Sequence[str], where: str = "") -> pa.Table:
        """Some columns of all rows, and ``_rowid``."""
        import pyarrow as pa

        batches = list(self.batches(columns, where))
        names = [*columns, "_rowid"]
        if not batches:
            types = {"_rowid": pa.uint64(), **{name: self.schema.field(name).type for name in columns}}
            return pa.table({name: pa.array([], types[name]) for name in names})
        return pa.Table.from_batches(batches).select(names)

    def take(self, row_ids: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """Some columns and ``_rowid`` of the rows with these ids, in any order."""
        with store_errors(self.uri):
            return self._table.take_row_ids(list(row_ids)).select(list(columns)).with_row_id().to_arrow()

    def merge(self, rows: pa.Table) -> None:
        """Add rows, or replace those of the same ids, in one commit; other processes may do so at the same time.

        Raises:
            WriteError: the disk is full and the like; the index is as it was.
        """
        self._merge(rows, self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all())

    def update(self, rows: pa.Table) -> None:
        """Replace some columns of the rows with these ids, in one commit; raises as :meth:`merge`."""
        self._merge(rows, self._table.merge_insert("id").when_matched_update_all())

    def _merge(self, rows: pa.Table, merging: Any) -> None:
        before = self.version
        with store_errors(self.uri, writing=True):
            if not is_remote(self.uri):
                _require_room(self.uri, 2 * rows.nbytes + MARGIN)
            merging.execute(rows)
        if not is_remote(self.uri) and not self._has(rows):  # Lance 13 commits files that a full disk cut short
            with store_errors(self.uri, writing=True):
                self._table.restore(before)
            raise WriteError(errno.EIO, "what was written cannot be read back, and was taken back", self.uri)

    def _has(self, rows: pa.Table) -> bool:
        """Whether the table has these rows as they are here; most were written last."""
        last = range(max(0, self.count() - len(rows)), self.count())
        wanted, names = rows.sort_by("id"), rows.column_names
        try:
            with store_errors(self.uri):
                read = self._table.take_offsets(list(last)).select(names).to_arrow().sort_by("id")
            if not read["id"].equals(wanted["id"]):
                ids = ", ".join(map(quoted, wanted["id"].to_pylist()))
                read = self.read(names, f"`id` IN ({ids})").select(names).sort_by("id")
            return bool(read.cast(wanted.schema).equals(wanted))
        except GalleryError:
            return False

    def delete(self, where: str) -> int:
        """Delete the rows that a condition in SQL holds for; returns how many."""
        before = self.count()
        with store_errors(self.uri, writing=True):
            self._table.delete(where)
        return before - self.count()

    def add_columns(self, names: Sequence[str]) -> None:
        """Add further columns, whose values are not known."""
        if names:
            with store_errors(self.uri, writing=True):
                self._table.add_columns(dict.fromkeys(names, "cast(NULL as string)"))

    def build_ann(self, partitions: int) -> None:
        """Index the vectors by a graph of each of some partitions (IVF_HNSW_SQ of LanceDB)."""
        from lancedb.index import HnswSq

        with store_errors(self.uri, writing=True):
            self._table.create_index("vector", config=HnswSq(distance_type="cosine", num_partitions=partitions))

    def nearest(self, query: Sequence[float], top: int, where: str, **effort: int) -> pa.Table:
        """``_rowid`` and ``_distance`` (1 - cosine) of the rows nearest to a vector.

        Args:
            effort: ``ef``, ``refine_factor`` and ``nprobes`` of LanceDB.
        """
        with store_errors(self.uri):
            asked = self._table.search(query, vector_column_name="vector").distance_type("cosine").limit(top)
            for name, value in effort.items():
                asked = getattr(asked, name)(value)
            asked = asked.where(where, prefilter=True) if where else asked
            return asked.select(["_distance"]).with_row_id(True).to_arrow()

    def describe(self, column: str, metadata: Mapping[str, str]) -> None:
        """Keep metadata of a column."""
        with store_errors(self.uri, writing=True):
            self._table.update_field_metadata({"path": column, "metadata": dict(metadata)})

    def tidy(self) -> None:
        """Join fragments of few rows, and drop versions of more than a day ago, if there are many."""
        with store_errors(self.uri, writing=True):
            if self._table.stats()["fragment_stats"]["num_small_fragments"] > _SMALL:
                self._table.optimize(cleanup_older_than=_KEPT)


@contextmanager
def writing(uri: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other writers of this machine out of an index; in object storage Lance's commits alone do so.

    Raises:
        LockedError: another process writes.
        OSError: the folder cannot be written.
    """
    uri = index_uri(uri)
    with nullcontext() if is_remote(uri) else file_lock(Path(uri) / ".lock", "stop it"):
        yield


def index_uri(uri: str | os.PathLike[str]) -> str:
    """The full name of an index; raises GalleryError if it is not one that a table can have."""
    text = os.fspath(uri).rstrip("/")
    text = text if is_remote(text) else os.path.abspath(os.path.expanduser(text))
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*\.lance", text.rpartition("/")[2]):
        raise GalleryError(
            f"{text[:500]!r} cannot be an index: its name is of letters, digits, _ or -, and ends in .lance."
        )
    return text


def quoted(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def is_remote(uri: str) -> bool:
    """Whether it is in object storage and not a local folder."""
    return _REMOTE.match(uri) is not None


def _database(uri: str) -> Any:
    try:
        import lancedb
    except ImportError as error:
        raise GalleryError(f"An index needs LanceDB ({error}). Install it: pip install lancedb") from error
    return lancedb.connect(uri.rpartition("/")[0])


def _name(uri: str) -> str:
    return uri.rpartition("/")[2].removesuffix(SUFFIX)


def _require_room(folder: str, size: int) -> None:
    """Raise OSError unless a file of that size can be written in a folder."""
    if hasattr(os, "posix_fallocate"):
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)


def _arrow_schema(index: IndexSettings) -> pa.Schema:
    import pyarrow as pa

    types: dict[str, Any] = {
        "id": pa.string(),
        "path": pa.string(),
        "box": pa.list_(pa.int32(), 4),
        "modality": pa.string(),
        "vector": pa.list_(pa.float32(), index.dim),
        "size": pa.int64(),
        "modified": pa.int64(),
        "sha256": pa.string(),
        **dict.fromkeys(VALUES, pa.string()),
        "time": pa.timestamp("us"),
    }
    key = {b"lance-schema:unenforced-primary-key": b"true"}  # of two writers that add one picture, one waits
    fields = [pa.field(name, kind, nullable=name != "id") for name, kind in types.items()]
    fields[0] = fields[0].with_metadata(key)
    return pa.schema(fields, {_METADATA: json.dumps(asdict(index), sort_keys=True)})


def _settings_of(schema: pa.Schema, uri: str) -> IndexSettings:
    text = (schema.metadata or {}).get(_METADATA)
    if text is None:
        raise GalleryError(f"{uri}: it is a Lance table, but not an index of `aio-reid index`; give another.")
    try:
        index = IndexSettings(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise GalleryError(f"{uri}: its settings are damaged ({error}); build it anew.") from error
    if index.schema != SCHEMA:
        raise GalleryError(
            f"{uri}: it has the form {index.schema}, not {SCHEMA}; use the version of aio_plugin that wrote it."
        )
    return index


@contextmanager
def store_errors(uri: str, writing: bool = False) -> Iterator[None]:
    """Turns what LanceDB raises into one line.

    Raises:
        WriteError: the system refuses to write: the disk is full and the like.
        GalleryError: there is no such table, or it is damaged.
    """
    try:
        yield
    except (GalleryError, WriteError):
        raise
    except BaseException as error:  # damaged files can make its Rust part panic, which is not an Exception
        panicked = type(error).__name__ == "PanicException"
        if not panicked and not isinstance(error, RuntimeError | ValueError | OSError):
            raise
        said = printable(str(error).removeprefix("lance error: ").split("\n")[0], lines=False)
        said = re.sub(r",? *(/root/|/rustc/|/home/|/build/)\S*\.rs:\d+:\d+", "", said)[:300]
        if writing and isinstance(error, OSError) and error.errno:
            raise WriteError(error.errno, error.strerror or said, uri) from error
        if writing and (found := _SYSTEM_ERROR.search(said)):
            raise WriteError(int(found[2]), found[1].strip(), uri) from error
        if isinstance(error, ValueError) and said.endswith("was not found"):
            raise NoGalleryError(f"There is no index {uri!r}; make one with `aio-reid index`.") from error
        cure = "Restore it from a copy, or remove its folder and index the pictures again."
        raise GalleryError(f"{uri}: the index cannot be {'written' if writing else 'read'}: {said}. {cure}") from error
