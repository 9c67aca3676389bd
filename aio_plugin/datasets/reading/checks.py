"""Checks of a dataset: counts against the published ones, absent images, persons in the wrong split, packages."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any, TypeVar

from ...errors import DatasetError
from ...modality import Item, Modality
from .layouts import Tree

T = TypeVar("T")


def compare(dataset: str, counts: Mapping[str, int], published: Mapping[str, int]) -> list[str]:
    """One note with every count that differs from the published one; none if all agree.

    A difference is not an error: toy data and parts of a dataset are legitimate.
    """
    different = [f"{key} {counts[key]:,} ({number:,})" for key, number in published.items() if counts[key] != number]
    if not different:
        return []
    return [f"{dataset}: found (published): {', '.join(different)}. Not comparable with published results."]


class Fault(str):
    """A note on an error in the data that does not prevent reading it."""


_tolerated: ContextVar[list[str] | None] = ContextVar("tolerated", default=None)
_read: ContextVar[dict[Any, Any] | None] = ContextVar("read", default=None)


@contextmanager
def inspection() -> Iterator[None]:
    """Within the block, nothing is written, and what several datasets of a folder read is read once."""
    token = _read.set({})
    try:
        yield
    finally:
        _read.reset(token)


def is_inspection() -> bool:
    """Whether this is within :func:`inspection`."""
    return _read.get() is not None


def read_once(key: Hashable, read: Callable[[], T]) -> T:
    """The value of ``read``, which within :func:`inspection` is kept for further calls with that key."""
    known = _read.get()
    if known is None:
        return read()
    if key not in known:
        known[key] = read()
    value: T = known[key]
    return value


@contextmanager
def tolerating_absences() -> Iterator[list[str]]:
    """Within the block, absent images are listed instead of raised, so that one inspection reports everything.

    It has an effect only if the dataset can be read without these images, see :func:`raise_unless_tolerated`.

    Yields:
        The list to which the messages are added.
    """
    messages: list[str] = []
    token = _tolerated.set(messages)
    try:
        yield messages
    finally:
        _tolerated.reset(token)


def raise_unless_tolerated(message: str) -> None:
    """Raise DatasetError with a message on absent images, or list it within :func:`tolerating_absences`."""
    tolerated = _tolerated.get()
    if tolerated is None:
        raise DatasetError(message)
    tolerated.append(message)


class Absences:
    """Counts the listed images that are not on disk.

    Args:
        tree: the dataset's folder.
        source: the file that lists them, for the message.
        below: the folder inside the dataset's that its paths are relative to.
    """

    def __init__(self, tree: Tree, source: str, below: str = "") -> None:
        self._tree, self._source = tree, source
        self._start = len(tree.path(below) if below else tree.base) + 1
        self._seen: Counter[str] = Counter()
        self._absent: Counter[str] = Counter()
        self._first = ""

    def see(self, path: str) -> None:
        """Count the image at a path on disk."""
        folder = path[self._start :].split(os.sep, 1)[0]
        self._seen[folder] += 1
        if not self._tree.exists(path):
            self._absent[folder] += 1
            self._first = self._first or path

    @property
    def total(self) -> int:
        """How many were absent."""
        return self._absent.total()

    def raise_if_any(self, tolerable: bool = False, dataset: str = "") -> None:
        """Raise DatasetError if images are absent: how many in every folder, and the first.

        Args:
            dataset: the one to name, if not that of the tree.
            tolerable: the dataset can be read without them; within :func:`tolerating_absences` it is.
        """
        if not self._absent:
            return
        folders = ", ".join(f"{name} {count} of {self._seen[name]}" for name, count in sorted(self._absent.items()))
        message = (
            f"{dataset or self._tree.dataset}: {self._absent.total()} of {self._seen.total()} images listed in "
            f"{self._source} are absent or empty; the first: {self._tree.relative(self._first)}. By folder: {folders}. "
            f"Complete the download."
        )
        if not tolerable:
            raise DatasetError(message)
        raise_unless_tolerated(message)


def pids(items: Iterable[Item]) -> set[int]:
    """The identities of items."""
    return {item.pid for item in items}


def search_counts(query: Sequence[Item], gallery: Sequence[Item]) -> dict[str, int]:
    """Identities and images of a test split, to compare with the published ones."""
    return {
        "query images": len(query),
        "query ids": len(pids(query)),
        "gallery images": len(gallery),
        "gallery ids": len(pids(gallery)),
    }


def modality_counts(split: str, items: Sequence[Item], kinds: Iterable[Modality]) -> dict[str, int]:
    """Identities of a split and images of each modality, to compare with the published ones."""
    images = {f"{split} {kind} images": sum(item.media.modality is kind for item in items) for kind in kinds}
    return {f"{split} ids": len(pids(items)), **images}


def missing_modalities(dataset: str, split: str, items: Sequence[Item], kinds: Iterable[Modality]) -> list[str]:
    """A note for every modality that persons of a split lack.

    Args:
        split: of the items, for messages: "training".
    """
    persons, notes = pids(items), []
    for kind in kinds:
        without = persons - pids(item for item in items if item.media.modality is kind)
        if without:
            share = f"{len(without)} of {len(persons)} {split} persons have no {kind}"
            notes.append(f"{dataset}: {share}, the first {min(without)}")
    return notes


def unmatched_queries(dataset: str, query: Sequence[Item], gallery: Sequence[Item]) -> list[str]:
    """A note if persons of queries are not in the gallery."""
    absent = pids(query) - pids(gallery)
    if not absent:
        return []
    return [
        f"{dataset}: {len(absent)} query persons are not in the gallery, the first {min(absent)}; their queries "
        f"are not scored"
    ]


def check_apart(dataset: str, train: set[int], test: set[int], files: str = "files") -> None:
    """Check that the persons of training and test are different.

    Args:
        files: the files that divide the persons, for the message: "lists in RegDB/idx".

    Raises:
        DatasetError: a person is in both; names the first.
    """
    shared = train & test
    if shared:
        raise DatasetError(
            f"{dataset}: {len(shared)} persons are in train and test, the first {min(shared)}. Restore the published "
            f"{files}."
        )


def import_package(name: str, purpose: str) -> Any:
    """A package that only some datasets need.

    Args:
        purpose: what needs it, the start of the message: "LMDB images need".

    Raises:
        DatasetError: it is not installed; says how to install it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise DatasetError(f"{purpose} the package {name} ({error}). Install it: pip install {name}") from error
