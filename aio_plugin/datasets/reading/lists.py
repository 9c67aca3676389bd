"""Text files of names and numbers, and file names that must match a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...errors import DatasetError
from ...outside_files import text_lines
from .layouts import Tree


def read_lines(path: str, cut: int = 0) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, stripped, with their numbers from 1.

    Args:
        cut: see :func:`aio_plugin.outside_files.text_lines`.

    Raises:
        DatasetError: the file is absent or not UTF-8 text, or a line is too long.
    """
    try:
        for number, line in enumerate(text_lines(path, cut=cut), 1):
            if line.strip():
                yield number, line.strip()
    except (OSError, ValueError) as error:
        raise DatasetError(f"Cannot read the list {path}: {error}. Restore the file as UTF-8 text.") from error


def read_labelled(path: str) -> list[tuple[int, str, int]]:
    """The lines ``<image> <label>`` of a list as (line number from 1, image, label).

    Raises:
        DatasetError: the file is absent or not text, or a line is not of that form.
    """
    labelled = []
    for number, line in read_lines(path):
        fields = line.rsplit(None, 1)
        if len(fields) != 2 or not re.fullmatch(r"[0-9]{1,9}", fields[1]):
            raise DatasetError(f"{path}, line {number}: must be 'path label', got {line[:80]!r}. Restore the list.")
        labelled.append((number, fields[0], int(fields[1])))
    return labelled


def read_ids(path: str) -> list[int]:
    """The sorted identities on the first line of a file, separated by commas.

    Raises:
        DatasetError: that line is not such a list.
    """
    _, first = next(read_lines(path), (0, ""))
    names = [name.strip() for name in first.split(",") if name.strip()]
    if not names or not all(re.fullmatch(r"[0-9]{1,9}", name) for name in names):
        raise DatasetError(f"{path}: the first line must be identities separated by commas, got {first[:60]!r}.")
    return sorted({int(name) for name in names})


def check_disjoint(first: str, second: str) -> None:
    """Check that two files of identities, see :func:`read_ids`, have none in common.

    Raises:
        DatasetError: they have; names both files and the first identity.
    """
    shared = sorted(set(read_ids(first)) & set(read_ids(second)))
    if shared:
        raise DatasetError(f"{first} and {second} share {len(shared)} identities, the first {shared[0]}. Restore them.")


class Names:
    """Matches file names against a pattern and counts those that do not match.

    Args:
        pattern: a regular expression for the whole name.
        what: the files, for messages ("llcm training images").
        example: a name as it should be.
    """

    def __init__(self, pattern: str, what: str, example: str) -> None:
        self._pattern, self.what, self.example = re.compile(pattern), what, example
        self.matched = self.off = 0
        self.first_off = ""

    def match(self, name: str, where: str) -> re.Match[str] | None:
        """The match of ``name``, or None, counted; ``where`` is the path to show."""
        match = self._pattern.fullmatch(name)
        if match:
            self.matched += 1
            return match
        self.off += 1
        self.first_off = self.first_off or where
        return None

    def in_folder(self, tree: Tree, folder: str) -> Iterator[tuple[str, re.Match[str]]]:
        """The images of one folder that match, sorted: path relative to the dataset's folder, match of the name."""
        for name in tree.files(folder):
            match = self.match(name, f"{folder}/{name}")
            if match:
                yield f"{folder}/{name}", match

    def notes(self) -> list[str]:
        """A note on the names that did not match, once all are read.

        Raises:
            DatasetError: none matched.
        """
        if not self.off:
            return []
        seen = f"{self.off} of {self.off + self.matched} names are not of the form {self.example}"
        if not self.matched:
            raise DatasetError(f"{self.what}: {seen}; the first: {self.first_off}. Restore the published names.")
        return [f"{self.what}: {seen} and are left out; the first: {self.first_off}"]
