"""ORBench's ``test_gallery_and_queries.json``: the gallery and 32 lists of queries, each checked row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from ...errors import DatasetError
from ...modality import Combination, Item, Media, Modality, in_order
from ...outside_files import open_regular
from .captioned import OTHER_CAMERA, PHOTO_CAMERA
from .checks import Absences
from .json_stream import members
from .layouts import Tree

FILE, GALLERY = "test_gallery_and_queries.json", "RGB_GALLERY"
NAMES = {Modality.IR: "NIR", Modality.CP: "CP", Modality.SKETCH: "SK", Modality.TEXT: "TEXT"}
"""What the file calls the query modalities, in the order of the file."""
FOLDERS = {Modality.RGB: "vis", Modality.IR: "nir", Modality.CP: "cp", Modality.SKETCH: "sk"}


COLUMNS = {
    (anchor, *in_order(others)): (anchor, *others)
    for size in (1, 2, 3, 4)
    for anchor in NAMES
    for others in combinations([modality for modality in NAMES if modality is not anchor], size - 1)
}
"""List, the anchor first and the others in order -> the modalities of its columns, in the order of the file."""
SIZES = {size: tuple(each for each in COLUMNS if len(each) == size) for size in (1, 2, 3, 4)}
"""Number of modalities -> the lists with that many (4, 12, 12, 4)."""


def list_name(combination: Combination) -> str:
    """What the file calls a list: ``(CP, IR, TEXT)`` -> ``"CP+NIR+TEXT"``."""
    return "+".join(NAMES[modality] for modality in COLUMNS[combination])


def read_tests(tree: Tree, wanted: Sequence[Combination]) -> tuple[list[Item], list[Item], list[str]]:
    """The queries of the lists ``wanted``, one list after the other; the gallery; and notes.

    The list's name alone says what a column holds, as a caption may look like a path.

    Raises:
        DatasetError: the file is not JSON, lacks a list, or a row is malformed or names an absent image.
    """
    file, keys = tree.path(FILE), {list_name(combination): combination for combination in wanted}
    try:
        with open_regular(file) as stream:
            rows = {key: value for key, value in members(stream) if key == GALLERY or key in keys}
    except ValueError as error:
        raise DatasetError(f"{file}: not a JSON object of lists: {error}. Restore the file.") from error
    except OSError as error:
        raise DatasetError(f"Cannot read {file}: {error}.") from error
    missing = [key for key in (GALLERY, *keys) if key not in rows]
    if missing:
        raise DatasetError(f"{file} has no list {', '.join(missing)}. Restore the published file.")
    absences = Absences(tree, tree.relative(file))
    notes: list[str] = []
    gallery = _gallery(tree, rows[GALLERY], absences, notes)
    query = [item for key, each in keys.items() for item in _queries(tree, key, each, rows[key], absences, notes)]
    absences.raise_if_any(tolerable=True)
    return query, gallery, notes


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
    """(where, pid, values) of every row of a list: an identity and ``columns`` strings."""
    if not isinstance(rows, list) or not rows:
        raise DatasetError(f"{tree.path(FILE)}: {key} must be a list that is not empty. Restore the file.")
    for number, row in enumerate(rows):
        where = f"{tree.path(FILE)}: {key}, row {number}"
        is_row = isinstance(row, list) and len(row) == 1 + columns and type(row[0]) is int and row[0] >= 0
        if not is_row or not all(isinstance(value, str) and value.strip() for value in row[1:]):
            shown = repr(row)
            raise DatasetError(
                f"{where}: must be an identity and {columns} strings that are not blank, got "
                f"{shown if len(shown) <= 80 else shown[:77] + '...'}. Correct the file."
            )
        yield where, row[0], row[1:]


def _image(tree: Tree, path: str, modality: Modality, where: str) -> str:
    """A listed path, which must be in the modality's folder, on disk."""
    image = tree.listed(path, where)
    if not path.replace("\\", "/").startswith(f"{FOLDERS[modality]}/"):
        raise DatasetError(f"{where}: {path[:80]!r} is not below {FOLDERS[modality]}/. Correct the file.")
    return image
