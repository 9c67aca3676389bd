"""ORBench's ``test_gallery_and_queries.json``: the gallery and 32 lists of queries, each checked row by row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations
from typing import Any

from ...errors import DatasetError
from ...modality import Combination, Item, Media, Modality, in_order
from .captioned import OTHER_CAMERA, PHOTO_CAMERA
from .checks import Absences
from .json_stream import members
from .layouts import Tree

FILE, GALLERY = "test_gallery_and_queries.json", "RGB_GALLERY"
NAMES = {Modality.IR: "NIR", Modality.CP: "CP", Modality.SKETCH: "SK", Modality.TEXT: "TEXT"}
"""What the file calls the query modalities, in the order of the file."""
FOLDERS = {Modality.RGB: "vis", Modality.IR: "nir", Modality.CP: "cp", Modality.SKETCH: "sk"}


def _lists(size: int) -> Iterator[Combination]:
    """The lists of ``size`` modalities as the file names them: the anchor, then the others in the file's order."""
    for anchor in NAMES:
        for others in combinations([m for m in NAMES if m is not anchor], size - 1):
            yield (anchor, *others)


SIZES = {size: tuple((first, *in_order(others)) for first, *others in _lists(size)) for size in (1, 2, 3, 4)}
"""Number of modalities -> the lists with that many (4, 12, 12, 4), the anchor first and the others in order."""
COLUMNS = {(first, *in_order(others)): (first, *others) for size in SIZES for first, *others in _lists(size)}
"""List -> the modalities of its columns, in the order of the file."""


def list_name(combination: Combination) -> str:
    """What the file calls a list: ``(CP, IR, TEXT)`` -> ``"CP+NIR+TEXT"``."""
    return "+".join(NAMES[modality] for modality in COLUMNS[combination])


def read_tests(tree: Tree, wanted: Sequence[Combination]) -> tuple[list[Item], list[Item], list[str]]:
    """The queries of the lists ``wanted``, one list after the other; the gallery; and notes.

    The list's name alone says what a column holds, as a caption may look like a path.

    Raises:
        DatasetError: the file is not JSON, lacks a list, or a row is malformed or names an absent image.
    """
    keys = {list_name(combination): combination for combination in wanted}
    rows = dict(_values(tree.path(FILE), {GALLERY, *keys}))
    missing = [key for key in (GALLERY, *keys) if key not in rows]
    if missing:
        raise DatasetError(f"{tree.path(FILE)} has no list {', '.join(missing)}. Restore the published file.")
    absences = Absences(tree, tree.relative(tree.path(FILE)))
    notes: list[str] = []
    gallery = _gallery(tree, rows[GALLERY], absences, notes)
    query = [item for key, each in keys.items() for item in _queries(tree, key, each, rows[key], absences, notes)]
    absences.raise_if_any(tolerable=True)
    return query, gallery, notes


def _values(file: str, wanted: Collection[str]) -> Iterator[tuple[str, Any]]:
    """The wanted keys of the file's object with their values, one list in memory at a time."""
    try:
        with open(file, "rb") as stream:
            yield from ((key, value) for key, value in members(stream) if key in wanted)
    except ValueError as error:
        raise DatasetError(f"{file}: not a JSON object of lists: {error}. Restore the file.") from error
    except OSError as error:
        raise DatasetError(f"Cannot read {file}: {error}.") from error


def _gallery(tree: Tree, rows: Any, absences: Absences, notes: list[str]) -> list[Item]:
    items: dict[str, Item] = {}
    for where, pid, (path,) in _rows(tree, GALLERY, rows, 1):
        image = _image(tree, path, Modality.RGB, where)
        absences.see(image)
        first = items.setdefault(image, Item(Media(image), pid, PHOTO_CAMERA))
        if first.pid != pid:
            raise DatasetError(f"{where}: {path!r} is of person {pid}, but of {first.pid} before. Correct the file.")
    if len(items) < len(rows):
        notes.append(f"{tree.dataset}: {len(rows) - len(items)} repeated rows of {GALLERY} count once")
    return list(items.values())


def _queries(
    tree: Tree, key: str, combination: Combination, rows: Any, absences: Absences, notes: list[str]
) -> list[Item]:
    columns = COLUMNS[combination]
    items, seen = [], set()
    for number, (where, pid, values) in enumerate(_rows(tree, key, rows, len(columns))):
        parts: dict[Modality, Media] = {}
        for modality, value in zip(columns, values, strict=True):
            if modality is Modality.TEXT:
                parts[modality] = Media(f"{tree.path(FILE)}#{key}.{number}", modality, value.strip())
            else:
                parts[modality] = Media(_image(tree, value, modality, where), modality)
                absences.see(parts[modality])
        seen.add((pid, *values))
        items.append(Item(Media.joined(parts[modality] for modality in combination), pid, OTHER_CAMERA))
    if len(seen) < len(items):
        notes.append(f"{tree.dataset}: {len(items) - len(seen)} repeated rows of {key} are all scored")
    return items


def _rows(tree: Tree, key: str, rows: Any, columns: int) -> Iterator[tuple[str, int, list[str]]]:
    """(where, pid, values) of every row of a list.

    Raises:
        DatasetError: ``rows`` is not a list or is empty, or a row is not an identity and ``columns`` strings.
    """
    file = tree.path(FILE)
    if not isinstance(rows, list) or not rows:
        raise DatasetError(f"{file}: {key} must be a list that is not empty. Restore the file.")
    for number, row in enumerate(rows):
        where = f"{file}: {key}, row {number}"
        if (
            not isinstance(row, list)
            or len(row) != 1 + columns
            or type(row[0]) is not int
            or row[0] < 0
            or not all(isinstance(value, str) and value.strip() for value in row[1:])
        ):
            shown = repr(row)
            raise DatasetError(
                f"{where}: must be an identity and {columns} strings that are not blank, got "
                f"{shown if len(shown) <= 80 else shown[:77] + '...'}. Correct the file."
            )
        yield where, row[0], row[1:]


def _image(tree: Tree, path: str, modality: Modality, where: str) -> str:
    """A listed path on disk.

    Raises:
        DatasetError: it does not lie in the modality's folder.
    """
    image = tree.listed(path, where)
    if not path.replace("\\", "/").startswith(f"{FOLDERS[modality]}/"):
        raise DatasetError(f"{where}: {path[:80]!r} is not below {FOLDERS[modality]}/. Correct the file.")
    return image
