"""The pictures that an index is to have: those of a folder, of a list or of a manifest, and what is known of them."""

from __future__ import annotations

import datetime
import hashlib
import os
import string
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from PIL import Image

from ..datasets.manifest.rows import READERS, FileColumns, Problem, raise_problems, suffix_of
from ..errors import DatasetError, GalleryError
from ..image_files import load_upright, opened_image
from ..modality import MODALITIES, Modality
from ..outside_files import lies_below, text_lines
from ..training.images import ImageMedia
from .filters import parse_time
from .store import COLUMN, MOST_COLUMNS, OWN, VALUES

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm")
"""Of the pictures in a folder; other files are not looked at."""
LONGEST = 4096
"""Characters of a path or a value."""
CAMERA = "camid"
"""What a manifest for training calls the camera."""
MOST_SIDE = 1 << 20
"""Pixels of a box."""

Box = tuple[int, int, int, int]
"""x, y, width and height in pixels."""


class BoxMedia(ImageMedia):
    """A box of an image file, cut out when it is read."""

    file: str
    box: Box

    def __new__(cls, file: str, modality: Modality, box: Box) -> BoxMedia:  # noqa: D102 -- the class says it
        self = super().__new__(cls, f"{file} {list(box)}", modality, _NO_PIXELS)
        assert isinstance(self, BoxMedia)
        self.file, self.box = file, box
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.file, self.modality, self.box)

    def copied(self) -> Image.Image:
        """The part of the image; raises what cannot be read, or ValueError for a box that reaches beyond it."""
        status = os.stat(self.file)
        whole = _upright(self.file, status.st_size, status.st_mtime_ns)
        x, y, width, height = self.box
        if x + width > whole.width or y + height > whole.height:
            raise ValueError(f"the box reaches beyond its {whole.width} x {whole.height} pixels")
        part = whole.crop((x, y, x + width, y + height))
        part.format = whole.format
        return part


_NO_PIXELS = Image.new("1", (1, 1))


@lru_cache(maxsize=1)
def _upright(file: str, size: int, modified: int) -> Image.Image:
    """A whole image; kept, because boxes of one image follow each other."""
    with opened_image(file) as image:
        kind = image.format
        load_upright(image)
        whole = image.copy()
    whole.format = kind
    return whole


class IndexedPicture(NamedTuple):
    """A picture, or a box in it, and what is known of it.

    Attributes:
        path: below the root, with ``/``.
        modality: that it is encoded as.
        box: None = all of it.
        time: UTC, without a time zone.
        values: pid, camera, track and further columns; "" = not known.
    """

    path: str
    modality: Modality
    box: Box | None = None
    time: datetime.datetime | None = None
    values: Mapping[str, str] = {}

    @property
    def id(self) -> str:
        """The same for the same path and box."""
        return hashlib.blake2b(f"{self.path}\0{self.box}".encode(), digest_size=16).hexdigest()


class Pictures(NamedTuple):
    """Pictures below one folder.

    Attributes:
        root: the folder.
        listed: the pictures, each once.
        stated: the columns that they have values for, known or not; others are left as the index has them.
        refused: those that cannot be indexed: path and what is wrong.
    """

    root: str
    listed: list[IndexedPicture]
    stated: tuple[str, ...]
    refused: list[tuple[str, str]]


class PathPattern:
    """What file names say: ``{camera}_{time:%Y%m%d-%H%M%S}_{track}.jpg``.

    A field ends where the text behind it first occurs, and may not be empty or contain ``/``. ``{}`` is not kept. A
    pattern with ``/`` is compared with as many of the last folders, another with the file's name.

    Args:
        text: fields are pid, camera, track, time (with a form of ``strptime`` behind ``:`` if it is not ISO 8601 or
            seconds), and further columns.

    Raises:
        GalleryError: it has no fields, two without text between them, or one that cannot be a column.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._fields: list[tuple[str, str]] = []
        self._between = [""]
        try:
            for before, name, form, _ in string.Formatter().parse(text):
                self._between[-1] += before
                if name is not None:
                    self._fields.append((name, form or ""))
                    self._between.append("")
        except ValueError as error:
            raise GalleryError(f"The pattern {text!r} cannot be read: {error}.") from error
        problem = ""
        for name, form in self._fields:
            if form and name != "time":
                problem = f"the field {name!r} has a form; only time can have one"
            elif name and not is_column(name):
                problem = f"{name!r} cannot be a column; give lower case letters, digits and _"
        if not self.fields or len(set(self.fields)) < len(self.fields):
            problem = "it has no named field, or one twice"
        elif not all(self._between[1:-1]):
            problem = "two fields have no text between them"
        if problem:
            raise GalleryError(f"The pattern {text!r} cannot be used: {problem}.")

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(name for name, _ in self._fields if name)

    def read(self, path: str) -> tuple[dict[str, str], datetime.datetime | None]:
        """The values in a path, and the time; raises ValueError if it does not match."""
        rest = "/".join(path.split("/")[-1 - self.text.count("/") :])
        values: dict[str, str] = {}
        time, matches = None, rest.startswith(self._between[0])
        rest = rest[len(self._between[0]) :]
        for index, (name, form) in enumerate(self._fields, 1):
            behind = self._between[index]
            if index < len(self._fields):
                end = rest.find(behind, 1)
            else:
                end = len(rest) - len(behind) if rest.endswith(behind) else -1
            value, rest = rest[: max(0, end)], rest[end + len(behind) :]
            matches &= bool(value) and "/" not in value
            if matches and name == "time":
                time = parse_time(value, form)
            elif name:
                values[name] = value
        if not matches:
            raise ValueError(f"it does not match the pattern {self.text!r}")
        return values, time


def is_column(name: str) -> bool:
    """Whether values may have this name."""
    return name in VALUES or (COLUMN.fullmatch(name) is not None and name not in (*OWN, CAMERA))


def read_pictures(
    given: str, root: str = "", pattern: PathPattern | None = None, modality: Modality = Modality.RGB
) -> Pictures:
    """The pictures of a folder, of a list of paths (``.txt``), or of a manifest (``.csv``, ``.jsonl``).

    A manifest has a column ``path`` and may have ``pid``, ``camera`` (or ``camid``), ``track``, ``time``, ``box`` (x,
    y, width and height), ``modality`` and further ones, whose values are text. Its rows without a path, captions, are
    left out. Paths of lists and manifests are relative to their folder.

    Args:
        root: the folder that all lie below; "" = the one given, or that of the file.
        pattern: of paths, for values that a manifest does not give.
        modality: of pictures whose modality a manifest does not give.

    Raises:
        GalleryError: there is nothing of that name, no picture in it, or the pattern fits none.
        DatasetError: the manifest's columns or cells are wrong.
    """
    path = os.path.abspath(os.path.expanduser(given))
    base = path if os.path.isdir(path) else os.path.dirname(path)
    if not os.path.exists(path):
        raise GalleryError(
            f"There is no {given!r}; give a folder of pictures, a list (.txt) or a manifest (.csv, .jsonl)."
        )
    reading = _Reading(os.path.abspath(os.path.expanduser(root)) if root else base, base, pattern, modality)
    if os.path.isdir(path):
        reading.folder(path)
    elif suffix_of(path) in READERS:
        reading.manifest(path)
    elif suffix_of(path) == ".txt":
        reading.list(path)
    else:
        raise GalleryError(f"{given!r} is a file; give a folder, a list (.txt) or a manifest (.csv, .jsonl).")
    if not reading.pictures:
        why = f" The first of {len(reading.refused):,}: {': '.join(reading.refused[0])}." if reading.refused else ""
        raise GalleryError(f"There are no pictures in {given!r}.{why}")
    stated = (*reading.stated, *(() if pattern is None else pattern.fields))
    return Pictures(reading.root, list(reading.pictures.values()), tuple(dict.fromkeys(stated)), reading.refused)


class _Reading:
    """Pictures as they are read."""

    def __init__(self, root: str, base: str, pattern: PathPattern | None, modality: Modality) -> None:
        self.root, self.base, self.pattern, self.modality = root, base, pattern, modality
        self.pictures: dict[tuple[str, Box | None], IndexedPicture] = {}
        self.stated: tuple[str, ...] = ()
        self.refused: list[tuple[str, str]] = []

    def folder(self, path: str) -> None:
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                    self.add(os.path.join(folder, name))

    def list(self, path: str) -> None:
        try:
            for line in text_lines(path):
                if line.strip():
                    self.add(line.strip())
        except (OSError, ValueError) as error:
            raise GalleryError(f"{path}: {error}. Save the list as UTF-8 text, a path a line.") from error

    def manifest(self, path: str) -> None:
        problems: list[Problem] = []
        lines: dict[tuple[str, Box | None], int] = {}
        try:
            for line, values in READERS[suffix_of(path)](path, text_lines(path, newline=""), problems, COLUMNS):
                cells = {name: text.strip() for name, text in values.items()}
                if not cells.get("path"):
                    continue
                stated = ["camera" if name == CAMERA else name for name in cells if is_column(name) or name == CAMERA]
                try:
                    picture = self._of_cells(cells)
                except ValueError as error:
                    problems.append((line, f"{error}."))
                    continue
                key = (picture.path, picture.box)
                first = lines.setdefault(key, line)
                if first != line:
                    problems.append((line, f"repeats the picture of line {first}; remove one, or give another box."))
                self.pictures[key] = picture
                self.stated = tuple(dict.fromkeys([*self.stated, *stated]))
        except (OSError, ValueError) as error:
            raise GalleryError(f"{path}: {error}. Save the manifest as UTF-8 text.") from error
        raise_problems("index", path, problems)
        if len(self.stated) > MOST_COLUMNS:
            raise DatasetError(f"{path}: it has {len(self.stated)} columns of values; keep at most {MOST_COLUMNS}.")

    def add(self, written: str) -> None:
        try:
            picture = self._picture(written, {}, None, None, self.modality)
        except ValueError as error:
            self.refused.append((written, str(error)))
        else:
            self.pictures[picture.path, None] = picture

    def _of_cells(self, cells: dict[str, str]) -> IndexedPicture:
        path, box, time, modality = (cells.pop(name, "") for name in ("path", "box", "time", "modality"))
        if CAMERA in cells:
            cells["camera"] = cells.pop(CAMERA)
        known = {str(each): each for each in MODALITIES if each.is_image}
        if modality and modality.lower() not in known:
            raise ValueError(f"modality {modality!r} is none of {', '.join(known)}")
        when = parse_time(time) if time else None
        return self._picture(path, cells, parse_box(box), when, known.get(modality.lower(), self.modality))

    def _picture(
        self,
        written: str,
        values: dict[str, str],
        box: Box | None,
        time: datetime.datetime | None,
        modality: Modality,
    ) -> IndexedPicture:
        path = self._below_root(written)
        if self.pattern is not None:
            found, when = self.pattern.read(path)
            values, time = {**found, **{k: v for k, v in values.items() if v}}, time or when
        if any(len(value) > LONGEST or _unencodable(value) for value in values.values()):
            raise ValueError(f"a value is longer than {LONGEST:,} characters, or not text")
        return IndexedPicture(path, modality, box, time, values)

    def _below_root(self, written: str) -> str:
        if _unencodable(written) or "\0" in written or len(written) > LONGEST:
            raise ValueError("its name is not UTF-8 text, or too long; rename it")
        path = os.path.normpath(os.path.join(self.base, written))
        if not lies_below(path, self.root):
            raise ValueError(f"it does not lie below {self.root}; give a folder that has all pictures as --root")
        return os.path.relpath(path, self.root).replace(os.sep, "/")


def _unencodable(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def parse_box(text: str) -> Box | None:
    """``"10 20 64 128"``, also with commas or in brackets, as a box; None if empty; ValueError if it is none.

    >>> parse_box("[10, 20, 64, 128]")
    (10, 20, 64, 128)
    """
    if not text:
        return None
    parts = text.strip("[]()").replace(",", " ").split()
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and int(part[:8]) < MOST_SIDE for part in parts):
        raise ValueError(f"box {text[:60]!r} is not x, y, width and height in whole pixels inside the picture")
    x, y, width, height = map(int, parts)
    if not (width and height and max(x, y, width, height) < MOST_SIDE):
        raise ValueError(f"box {text[:60]!r} is empty or too large")
    return x, y, width, height


COLUMNS = FileColumns(
    ("path", "box", "modality", CAMERA, *VALUES), ("path",), None, (int, float, bool, list), further=is_column
)
"""Of a manifest of pictures to index."""
