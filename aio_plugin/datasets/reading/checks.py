"""What a dataset should hold against what was found."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from ...errors import DatasetError
from ...modality import Item, Modality
from .layouts import Tree


def compare(dataset: str, found: Mapping[str, int], expected: Mapping[str, int]) -> list[str]:
    """One note with every count that differs from the published one; none if all agree.

    A difference is no error: toy data and parts of a dataset are legitimate.
    """
    off = [f"{key} {found[key]:,} ({number:,})" for key, number in expected.items() if found[key] != number]
    if not off:
        return []
    return [f"{dataset}: found (published): {', '.join(off)}. Not comparable with published results."]


class Fault(str):
    """A note of something that is wrong with the data, though it can be read."""


_tolerated: ContextVar[list[str] | None] = ContextVar("tolerated", default=None)


@contextmanager
def tolerating_absences() -> Iterator[list[str]]:
    """Within the block, absent images are told of in the list it gives, and read over.

    So that whoever looks a dataset over finds what else there is to find. It holds where a reader
    does without the images, see :func:`raise_unless_tolerated`.
    """
    found: list[str] = []
    token = _tolerated.set(found)
    try:
        yield found
    finally:
        _tolerated.reset(token)


def raise_unless_tolerated(absent: str) -> None:
    """Raise DatasetError with a message of absent images, or tell of them within :func:`tolerating_absences`."""
    tolerated = _tolerated.get()
    if tolerated is None:
        raise DatasetError(absent)
    tolerated.append(absent)


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

    def raise_if_any(self, tolerable: bool = False) -> None:
        """Raise DatasetError if an image was absent: how many in every folder, and the first.

        Args:
            tolerable: the reader can go on; within :func:`tolerating_absences` it then does.
        """
        if not self._absent:
            return
        folders = ", ".join(f"{name} {count} of {self._seen[name]}" for name, count in sorted(self._absent.items()))
        message = (
            f"{self._tree.dataset}: {self._absent.total()} of {self._seen.total()} images listed in {self._source} are "
            f"absent or empty; the first: {self._tree.relative(self._first)}. By folder: {folders}. "
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


def lacking(dataset: str, split: str, items: Sequence[Item], kinds: Iterable[Modality]) -> list[str]:
    """A note for every modality in which somebody of the items is not seen.

    Args:
        split: of the items, for messages: "training".
    """
    everybody, notes = pids(items), []
    for kind in kinds:
        without = everybody - pids(item for item in items if item.media.modality is kind)
        if without:
            seen = f"{len(without)} of {len(everybody)} {split} persons have no {kind}"
            notes.append(f"{dataset}: {seen}, the first {min(without)}")
    return notes


def unanswered(dataset: str, query: Sequence[Item], gallery: Sequence[Item]) -> list[str]:
    """A note if persons are searched for who are not in the gallery."""
    alone = pids(query) - pids(gallery)
    if not alone:
        return []
    return [
        f"{dataset}: {len(alone)} query persons are not in the gallery, the first {min(alone)}; their queries "
        f"count in no metric"
    ]


def check_apart(dataset: str, train: set[int], test: set[int], files: str = "files") -> None:
    """Check that nobody is trained on and tested with.

    Args:
        files: what says who is where, for the message: "lists in RegDB/idx".

    Raises:
        DatasetError: somebody is; names the first.
    """
    shared = train & test
    if shared:
        raise DatasetError(
            f"{dataset}: {len(shared)} persons are in train and test, the first {min(shared)}. Restore the published "
            f"{files}."
        )
