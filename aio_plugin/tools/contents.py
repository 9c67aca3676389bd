"""Everything that lies in a dataset's folder, whoever reads it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tqdm import tqdm

from ..datasets.reading.layouts import IMAGE_SUFFIXES, is_junk, leads_out
from ..errors import MediaError
from ..training.media import read_image

AT_ONCE = 1024


@dataclass
class Contents:
    """Paths on disk, sorted folder by folder; what operating systems leave behind is passed over.

    Attributes:
        images: of at least one byte.
        empty: files of no bytes.
        bare: folders with nothing in them.
        leaving: links that lead out of the data root, with where they lead; they are not followed.
        dangling: links that lead nowhere or in a circle.
        locked: what cannot be listed.
    """

    images: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    leaving: list[str] = field(default_factory=list)
    dangling: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)


def contents(base: str, root: str) -> Contents:
    """What lies below ``base``; links may lead anywhere inside it or inside ``root``."""
    found = Contents()
    _look(base, tuple(os.path.realpath(path) for path in (root, base)), found, (os.path.realpath(base),))
    return found


def _look(folder: str, allowed: Sequence[str], found: Contents, above: tuple[str, ...]) -> None:
    try:
        entries = sorted((e for e in os.scandir(folder) if not is_junk(e.name)), key=lambda entry: entry.name)
    except OSError as error:
        found.locked.append(f"{folder} ({error.strerror})")
        return
    if not entries:
        found.bare.append(folder)
    for entry in entries:
        real = os.path.realpath(entry.path) if entry.is_symlink() else ""
        outside = leads_out(entry.path, allowed) if real else None
        if outside is not None:
            found.leaving.append(f"{entry.path} -> {outside}")
        elif real and (real in above or not os.path.exists(real)):
            found.dangling.append(f"{entry.path} -> {os.readlink(entry.path)}")
        elif entry.is_dir():
            _look(entry.path, allowed, found, (*above, real or os.path.join(above[-1], entry.name)))
        elif not entry.stat().st_size:
            found.empty.append(entry.path)
        elif entry.name.lower().endswith(IMAGE_SUFFIXES):
            found.images.append(entry.path)


def unreadable(paths: Sequence[str], label: str) -> Iterator[str]:
    """Open every image whole and say of each that cannot be read why; a bar shows how far it is.

    Args:
        label: in front of the bar.
    """
    with ThreadPoolExecutor() as pool, tqdm(total=len(paths), desc=label, unit="image", disable=None) as bar:
        for start in range(0, len(paths), AT_ONCE):
            for fault in pool.map(_fault, paths[start : start + AT_ONCE]):
                bar.update()
                if fault:
                    yield fault


def _fault(path: str) -> str:
    try:
        read_image(path)
    except MediaError as error:
        return str(error)
    return ""
