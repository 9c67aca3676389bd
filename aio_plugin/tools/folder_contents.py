"""All files in a dataset's folder, whether or not an adapter reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from ..datasets.reading.layouts import IMAGE_SUFFIXES, is_junk, leads_out
from ..errors import MediaError, printable
from ..training.images import read_image

QUEUED = 1024
"""Images handed to the threads at a time; an executor takes all its work into memory at once."""


class FolderContents:
    """Paths below a folder, sorted within each folder; files left behind by operating systems are skipped.

    Args:
        folder: to search; links may lead anywhere inside it or inside the data root.
        root: the data root.

    Attributes:
        images: of at least one byte.
        empty_folders: without content.
        problems: kind -> paths. Links that lead out of the data root are not followed and have their destinations;
            broken links have no destination, or lead to a folder that contains them.
    """

    def __init__(self, folder: str, root: str) -> None:
        self.images: list[str] = []
        self.empty_folders: list[str] = []
        kinds = ("empty files", "links out of the data root", "broken links", "folders that cannot be listed")
        self.problems: dict[str, list[str]] = {kind: [] for kind in kinds}
        self._allowed = tuple(os.path.realpath(path) for path in (root, folder))
        self.add(folder)

    def add(self, folder: str) -> None:
        """Search another folder too."""
        self._add(folder, (os.path.realpath(folder),))

    def _add(self, folder: str, above: tuple[str, ...]) -> None:
        try:
            entries = sorted((e for e in os.scandir(folder) if not is_junk(e.name)), key=lambda entry: entry.name)
        except OSError as error:
            self.problems["folders that cannot be listed"].append(f"{folder} ({error.strerror})")
            return
        if not entries:
            self.empty_folders.append(folder)
        for entry in entries:
            real = os.path.realpath(entry.path) if entry.is_symlink() else ""
            outside = leads_out(entry.path, self._allowed) if real else None
            if outside is not None:
                self.problems["links out of the data root"].append(f"{entry.path} -> {outside}")
            elif real and (real in above or not os.path.exists(real)):
                self.problems["broken links"].append(f"{entry.path} -> {os.readlink(entry.path)}")
            elif entry.is_dir():
                self._add(entry.path, (*above, real or os.path.join(above[-1], entry.name)))
            elif not entry.stat().st_size:
                self.problems["empty files"].append(entry.path)
            elif entry.name.lower().endswith(IMAGE_SUFFIXES):
                self.images.append(entry.path)


def unreadable_images(paths: Sequence[str], label: str) -> Iterator[str]:
    """Decode every image and yield the error of each that cannot be read; ``label`` names the progress bar."""
    with ThreadPoolExecutor() as pool, tqdm(total=len(paths), desc=printable(label), unit="image", disable=None) as bar:
        for start in range(0, len(paths), QUEUED):
            for error in pool.map(_read_error, paths[start : start + QUEUED]):
                bar.update()
                if error:
                    yield error


def _read_error(path: str) -> str:
    try:
        read_image(path)
    except MediaError as error:
        return str(error)
    return ""
