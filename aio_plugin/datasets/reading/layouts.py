"""A dataset's folder on disk: which files it must contain, which files count, and that none lies outside."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from ...errors import DatasetError, IncompleteError

JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
DIRECTORIES_KEPT = 8192


class Part(NamedTuple):
    """A line of the expected tree.

    ``path`` is relative to the dataset's folder; components from the first with ``<`` or ``*`` on
    are an illustration. An ``optional`` part may be absent; ``about`` is printed after it.
    """

    path: str
    about: str = ""
    optional: bool = False

    @property
    def fixed(self) -> str:
        """The leading components, which name a real file or folder."""
        return "/".join(takewhile(lambda part: "<" not in part and "*" not in part, self.path.split("/")))


def is_junk(name: str) -> bool:
    """Whether a file or folder of that name was left by an operating system or an archiver."""
    return name.startswith(".") or name.lower() in JUNK


def leads_out(path: str, allowed: Sequence[str]) -> str | None:
    """The real path of ``path`` if it is below none of the ``allowed`` real folders; else None."""
    real = os.path.realpath(path)
    inside = any(real == base or real.startswith(base.rstrip(os.sep) + os.sep) for base in allowed)
    return None if inside else real


class Tree:
    """The folder of a dataset below the data root.

    Links may lead anywhere inside the data root or the dataset's folder, which may itself be a link; a link
    out of both is an error. Empty files count as absent.

    Args:
        dataset: the dataset's name, for messages.
        root: the data root, which contains ``folder``.
        layout: the parts expected in ``folder``.
    """

    def __init__(self, dataset: str, root: str, folder: str, layout: Sequence[Part]) -> None:
        self.dataset, self.root, self.folder, self.layout = dataset, os.path.expanduser(str(root)), folder, layout
        self.base = os.path.join(self.root, folder)
        self._allowed = tuple(os.path.realpath(path) for path in (self.root, self.base))
        self._names = lru_cache(maxsize=DIRECTORIES_KEPT)(self._scan)

    def path(self, relative: str) -> str:
        """The path on disk of ``relative``, a path with slashes."""
        return os.path.join(self.base, *relative.split("/"))

    def has(self, relative: str) -> bool:
        """Whether there is such a file or folder.

        Raises:
            DatasetError: it is a link out of the data root.
        """
        path = self.path(relative)
        if not os.path.exists(path):
            return False
        self._contain(path)
        return True

    def require(self, *extra: str) -> None:
        """Check the parts that are not optional, and ``extra`` ones.

        Raises:
            IncompleteError: one is missing; shows the expected tree and marks all that are.
        """
        needed = [part.fixed for part in self.layout if not part.optional] + list(extra)
        if all(self.has(relative) for relative in needed):
            return
        shown = (*self.layout, *(Part(name) for name in extra if all(name != part.fixed for part in self.layout)))
        width = max(len(part.path) for part in shown) + 2
        lines = [f"  {self.folder}/" if os.path.isdir(self.base) else f"  {self.folder}/".ljust(width + 4) + "MISSING"]
        for part in shown:
            state = "" if self.has(part.fixed) else "absent" if part.optional and part.fixed not in extra else "MISSING"
            lines.append(f"    {part.path.ljust(width)}{'  '.join(filter(None, (state, part.about)))}".rstrip())
        raise IncompleteError(
            f"{self.dataset}: {self.base} is not complete. The data root must contain{self._hint()}\n"
            + "\n".join(lines)
        )

    def files(self, relative: str, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> list[str]:
        """Sorted names of the files in a folder with one of the suffixes; none if it is absent."""
        return sorted(name for name in self._names(self.path(relative)) if name.lower().endswith(tuple(suffixes)))

    def folders(self, relative: str = "") -> list[str]:
        """Sorted names of the folders in a folder; none if it is absent."""
        path = self.path(relative) if relative else self.base
        if not os.path.isdir(path):
            return []
        entries = [entry for entry in os.scandir(path) if not is_junk(entry.name)]
        folders = (e.name for e in entries if (os.path.isdir(e.path) if e.is_symlink() else e.is_dir()))
        return sorted(folders)

    def listed(self, relative: str, where: str, below: str = "") -> str:
        """The path on disk of a path in a list or annotation file.

        Args:
            relative: as written in the file; backslashes count as slashes.
            where: file and line or record, for the message.
            below: the folder in the dataset's folder that it is relative to.

        Raises:
            DatasetError: it is empty, absolute or leads upwards.
        """
        clean = relative.replace("\\", "/")
        parts = clean.split("/")
        if not clean or clean.startswith("/") or ".." in parts or ":" in parts[0] or "\0" in clean:
            raise DatasetError(
                f"{where}: the path {relative!r} does not stay inside {self.folder}. Paths must be relative, "
                f"without '..'; correct the file."
            )
        return os.path.join(
            self.path(below) if below else self.base, *(part for part in parts if part not in ("", "."))
        )

    def exists(self, path: str) -> bool:
        """Whether there is a file of at least one byte at a path on disk."""
        directory, name = os.path.split(path)
        return name in self._names(directory)

    def reencoded(self, path: str) -> str:
        """``path``, or the image of that name with another suffix: copies of a dataset can be re-encoded."""
        stem, suffix = os.path.splitext(path)
        return next((stem + end for end in (suffix, *IMAGE_SUFFIXES) if self.exists(stem + end)), path)

    def relative(self, path: str) -> str:
        """A path on disk relative to the data root, for messages."""
        return os.path.relpath(path, self.root)

    def _scan(self, directory: str) -> frozenset[str]:
        if not os.path.isdir(directory):
            return frozenset()
        self._contain(directory)
        names = []
        try:
            for entry in os.scandir(directory):
                if is_junk(entry.name) or not entry.is_file():
                    continue
                if entry.is_symlink():
                    self._contain(entry.path)
                if entry.stat().st_size:
                    names.append(entry.name)
        except OSError as error:  # of an entry, that it is a link to itself
            raise DatasetError(f"{self.dataset}: {error}. Make the folder readable, or repair the link.") from error
        return frozenset(names)

    def _contain(self, path: str) -> None:
        real = leads_out(path, self._allowed)
        if real is not None:
            raise DatasetError(
                f"{self.dataset}: {path} is a link out of the data root, to {real}. Only the dataset's own folder "
                f"{self.folder} may be such a link; link that one, or move the data below {self.root}."
            )

    def _hint(self) -> str:
        if os.path.basename(os.path.normpath(self.root)) == self.folder:
            return f" {self.folder}/, not be that folder:"
        if os.path.isdir(self.root):
            alike = [
                name for name in os.listdir(self.root) if name != self.folder and name.lower() == self.folder.lower()
            ]
            if alike and not os.path.isdir(self.base):
                return f" (there is {alike[0]}/; rename it):"
        return ":"
