"""The rows of a manifest, read and checked one by one; the errors of all rows are reported together."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from ...errors import DatasetError, nearest
from ...modality import MODALITIES, Modality
from ...outside_files import open_regular, parse_json, text_lines
from ..reading.layouts import Tree

SPLITS = ("train", "query", "gallery")
_LONGEST_HEADER = 1 << 16
SHOWN = 10
"""Wrong rows that a message lists, at most."""

Values = Mapping[str, str]
Problem = tuple[int, str]
"""A line, and what is wrong in it and what to do about it."""


class FileColumns(NamedTuple):
    """The columns of a file.

    Attributes:
        known: their names.
        required: those that must be there.
        numbers: those that JSON may give as values of the ``types``, not only as strings; None = all.
        further: whether a column of another name is one of the user's own.
    """

    known: tuple[str, ...]
    required: tuple[str, ...]
    numbers: tuple[str, ...] | None
    types: tuple[type, ...] = (int,)
    further: Callable[[str], bool] = lambda name: False


COLUMNS = FileColumns(
    ("path", "caption", "pid", "camid", "modality", "split", "source", "group"),
    ("pid", "modality", "split"),
    ("pid", "camid", "group"),
)


class ManifestRow(NamedTuple):
    """A row without surrounding spaces; ``path`` and ``source`` are paths on disk; "" where a column is empty.

    ``line`` counts from 1.
    """

    line: int
    path: str
    caption: str
    pid: str
    camid: str
    modality: Modality
    split: str
    source: str
    group: str


def raise_problems(dataset: str, file: str, problems: Sequence[Problem]) -> None:
    """Raise DatasetError with the number of wrong rows and the first problems by line, if there are any."""
    if not problems:
        return
    rows = len({line for line, _ in problems})
    shown = "\n".join(f"  line {line}: {problem}" for line, problem in sorted(problems)[:SHOWN])
    more = f"\n  and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    raise DatasetError(f"{dataset}: {file}: {rows} wrong row{'s' * (rows > 1)}. Correct the file:\n{shown}{more}")


def read_rows(tree: Tree, file: str) -> list[ManifestRow]:
    """The rows of a manifest.

    Args:
        file: relative to the dataset's folder; its suffix says how it is read.

    Raises:
        DatasetError: the file cannot be read, is empty or has wrong columns, or rows are wrong; lists the first.
    """
    path = tree.path(file)
    problems: list[Problem] = []
    try:
        lines = READERS[suffix_of(file)](path, text_lines(path, newline=""), problems, COLUMNS)
        rows = [row for line, values in lines if any(values.values()) and (row := _row(tree, line, values, problems))]
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {error}. Save the manifest as UTF-8 text.") from error
    raise_problems(tree.dataset, path, problems)
    if not rows:
        raise DatasetError(f"{path}: has no rows. Write a row for every image and every caption.")
    return rows


def suffix_of(file: str) -> str:
    """The suffix of a file name in lower case, which says how the file is read."""
    return PurePosixPath(file).suffix.lower()


def _csv_rows(
    path: str, stream: Iterator[str], problems: list[Problem], columns: FileColumns
) -> Iterator[tuple[int, Values]]:
    reader = csv.reader(stream, strict=True)
    end = 0
    header: list[str] = []
    try:
        for fields in reader:
            line, end = end + 1, reader.line_num
            if not header:
                header = [name.strip().lower() for name in fields]
                _check_header(path, header, columns)
            elif len(fields) == len(header):
                yield line, dict(zip(header, fields, strict=True))
            elif any(fields):
                remedy = "put double quotes around text with commas, and leave no field out."
                problems.append((line, f"{len(fields)} fields for {len(header)} columns; {remedy}"))
    except csv.Error as error:
        remedy = "Close every double quote, and double those in text."
        raise DatasetError(f"{path}, line {end + 1}: {error}. {remedy}") from error


def _check_header(path: str, header: Sequence[str], columns: FileColumns) -> None:
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        raise DatasetError(f"{path}: its columns are not separated by commas. Save it as CSV with commas.")
    for name in header:
        if name not in columns.known and not columns.further(name):
            raise DatasetError(f"{path}: unknown column {name!r}.{nearest(name, columns.known)}")
    twice = [name for name in header if header.count(name) > 1]
    missing = [name for name in columns.required if name not in header]
    if twice or missing:
        fault = f"column {twice[0]!r} is repeated" if twice else f"there is no column {missing[0]!r}"
        raise DatasetError(f"{path}: {fault}. The first line must name the columns: {','.join(columns.known)}")


def _json_rows(
    path: str, stream: Iterator[str], problems: list[Problem], columns: FileColumns
) -> Iterator[tuple[int, Values]]:
    for line, text in enumerate(stream, 1):
        if not text.strip():
            continue
        try:
            record = parse_json(text)
        except ValueError as error:
            problems.append((line, f"not JSON ({error}); write one object per line, without a list around them."))
            continue
        wrong = list(_wrong_values(record, columns))
        problems += [(line, problem) for problem in wrong]
        if not wrong:
            yield line, {key: "" if value is None else str(value) for key, value in record.items()}


def _wrong_values(record: object, columns: FileColumns) -> Iterator[str]:
    if not isinstance(record, dict):
        yield f"not an object but {type(record).__name__}; write {{...}} with the columns as keys."
        return
    for key, value in record.items():
        numeric = columns.numbers is None or key in columns.numbers
        number = numeric and type(value) in columns.types
        if key not in columns.known and not columns.further(key):
            yield f"unknown key {key!r}.{nearest(key, columns.known)}"
        elif value is not None and not isinstance(value, str) and not number:
            kinds = "a string or a whole number" if numeric else "a string"
            yield f"{key!r} must be {kinds}, got {type(value).__name__} {str(value)[:40]}."


def names_columns(path: str) -> bool:
    """Whether the first line of a file names the columns that a manifest must have, as its suffix says how."""
    try:
        with open_regular(path) as file:
            line = file.readline(_LONGEST_HEADER).decode("utf-8-sig")
        names = parse_json(line) if suffix_of(path) == ".jsonl" else next(csv.reader([line]), [])
        return {*COLUMNS.required} <= {str(name).strip().lower() for name in names}
    except (OSError, ValueError, TypeError, csv.Error):
        return False


READERS = {".csv": _csv_rows, ".jsonl": _json_rows}
"""Suffix -> reader: (path, lines, problems, columns) -> line numbers and values of the rows that can be read."""


def _row(tree: Tree, line: int, values: Values, problems: list[Problem]) -> ManifestRow | None:
    """The row of a line; None if it is wrong, with what is wrong added to ``problems``."""
    cell = {name: values.get(name, "").strip() for name in COLUMNS.known}
    wrong = list(_wrong_cells(cell))
    paths = {"path": "", "source": ""}
    for name in paths:
        try:
            paths[name] = tree.listed(cell[name], f"{name!r}") if cell[name] else ""
        except DatasetError as error:
            wrong.append(str(error))
    if paths["path"] and not tree.exists(paths["path"]):
        wrong.append(f"the image {cell['path']!r} is absent or empty; paths are relative to {tree.folder}.")
    problems += [(line, problem) for problem in wrong]
    if wrong:
        return None
    modality = Modality.named(cell.pop("modality").lower())
    return ManifestRow(line=line, modality=modality, **{**cell, **paths, "split": cell["split"].lower()})


def _wrong_cells(cell: Values) -> Iterator[str]:
    if not cell["pid"]:
        yield "'pid' is empty; say who is shown."
    if cell["split"].lower() not in SPLITS:
        yield f"'split' must be {', '.join(SPLITS)}, got {cell['split']!r}."
    known = [str(modality) for modality in MODALITIES]
    name = cell["modality"].lower()
    if name not in known:
        yield f"unknown modality {cell['modality']!r}.{nearest(name, known)}"
    elif not Modality.named(name).is_image and not cell["caption"]:
        yield f"modality {name}, but no 'caption'; write the sentence there."
    elif Modality.named(name).is_image and not cell["path"]:
        yield f"modality {name}, but no 'path'; name the image there."
    if cell["path"] and cell["caption"]:
        yield "has a 'path' and a 'caption'; give the caption a row of its own, with the image as its 'source'."
    if any("\ud800" <= character <= "\udfff" for character in "".join(cell.values())):
        yield "contains half of a surrogate pair; write the character itself."
