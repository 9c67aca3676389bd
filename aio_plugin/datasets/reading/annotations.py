"""JSON annotations: a list of records, read as a stream and checked one by one.

Whatever is missing or malformed is a DatasetError that names file, record and key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ...errors import DatasetError, IncompleteError
from ...options import Option
from ...outside_files import open_regular
from .json_stream import list_elements, member_elements
from .layouts import Tree

MOST_ID = 2**62


class PhotoRecord(NamedTuple):
    """One photo of an annotation file.

    Attributes:
        number: position in the file, from 0.
        pid: raw identity; 0 if records have none.
        path: of the image on disk.
        captions: its sentences, stripped; a blank one is the empty string.
        split: lower case; "" if not asked for.
    """

    number: int
    pid: int
    path: str
    captions: tuple[str, ...]
    split: str


def read_photos(
    tree: Tree,
    file: str,
    images: str = "",
    path_key: str = "file_path",
    splits: tuple[str, ...] = (),
    caption_key: str = "captions",
    identified: bool = True,
) -> Iterator[PhotoRecord]:
    """The records of a caption file on disk; keys beside those used are ignored.

    Args:
        images: the folder in the dataset's folder that the annotated paths are relative to.
        path_key: the key of the image's path (``img_path`` in RSTPReid).
        splits: the values ``split`` may have; () if the file has none.
        caption_key: the key of the list of captions, or ``caption``, the key of a single one.
        identified: whether records have an ``id``.
    """
    for number, record in read_objects(file):
        where = f"{file}: record {number}"
        pid = identity(record, "id", where) if identified else 0
        path = tree.listed(string(record, path_key, where), f"{where}, {path_key!r}", images)
        if caption_key == "caption":
            captions: tuple[str, ...] = (string(record, caption_key, where).strip(),)
        else:
            captions = strings(record, caption_key, where)
        yield PhotoRecord(number, pid, path, captions, one_of(record, "split", splits, where) if splits else "")


def read_objects(file: str, key: str = "") -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON list with their positions from 0, one in memory at a time.

    Args:
        key: the key of the list, which may be empty, in the file's one object; "" if the file is the list.
    """
    name, number = f"{key}[{{}}]" if key else "record {}", -1
    try:
        with open_regular(file) as stream:
            for number, record in enumerate(member_elements(stream, key) if key else list_elements(stream)):
                if not isinstance(record, dict):
                    raise DatasetError(
                        f"{file}: {name.format(number)} is not an object but {_kind(record)}. Restore the file."
                    )
                yield number, record
    except ValueError as error:
        kind = "JSON" if key else "a JSON list of records,"
        place = f"after {name.format(number)}" if number >= 0 else "before the first record"
        raise DatasetError(f"{file}: not {kind} {place}: {error}. Restore the file.") from error
    except OSError as error:
        raise DatasetError(f"Cannot read the annotations {file}: {error}.") from error
    if number < 0 and not key:
        raise DatasetError(f"{file}: holds no records. Restore the file.")


def identity(record: dict[str, Any], key: str, where: str) -> int:
    """A whole number from 0 on."""
    value = _get(record, key, where)
    if type(value) is not int or not 0 <= value < MOST_ID:
        raise DatasetError(f"{where}: {key!r} must be a whole number from 0 on, got {_kind(value)}.")
    return value


def string(record: dict[str, Any], key: str, where: str) -> str:
    """A string that is not empty."""
    value = _get(record, key, where)
    if not isinstance(value, str) or not value:
        raise DatasetError(f"{where}: {key!r} must be a string that is not empty, got {_kind(value)}.")
    return value


def strings(record: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    """A list of strings, each stripped."""
    value = _get(record, key, where)
    if not isinstance(value, list):
        raise DatasetError(f"{where}: {key!r} must be a list of strings, got {_kind(value)}.")
    for index, element in enumerate(value):
        if not isinstance(element, str):
            raise DatasetError(f"{where}: {key!r}[{index}] must be a string, got {_kind(element)}.")
    return tuple(element.strip() for element in value)


def one_of(record: dict[str, Any], key: str, known: tuple[str, ...], where: str) -> str:
    """One of the known lower-case names, in any case."""
    value = string(record, key, where).lower()
    if value not in known:
        raise DatasetError(f"{where}: {key!r} must be one of {', '.join(known)}, got {value!r}.")
    return value


def _get(record: dict[str, Any], key: str, where: str) -> Any:
    if key not in record:
        raise DatasetError(f"{where} has no {key!r}; it has {', '.join(map(repr, sorted(record))) or 'no keys'}.")
    return record[key]


def _kind(value: Any) -> str:
    shown = repr(value)
    return f"{type(value).__name__} {shown if len(shown) <= 60 else shown[:57] + '...'}"


def file_option(name: str = "annotations", suffixes: Sequence[str] = (".json",)) -> Option:
    """The option that names the annotation file of a dataset whose authors do not say what it is called."""
    about = f"the file of the {name}, relative to the dataset's folder; '' takes the only {' or '.join(suffixes)} there"
    return Option(name, "", about)


def find_file(tree: Tree, option: Option, value: str, suffixes: Sequence[str] = (".json",)) -> str:
    """The path on disk of the file that an option of :func:`file_option` names, or of the only one with a suffix."""
    key = f"aio.datasets.{tree.dataset}.{option.name}"
    if value:
        path = tree.listed(value, key)
        if not tree.exists(path):
            raise IncompleteError(f"{tree.dataset}: {path}, which {key} names, is absent or empty. Correct the name.")
        return path
    names = tree.files(".", suffixes)
    if len(names) == 1:
        return tree.path(names[0])
    if names:
        raise DatasetError(
            f"{tree.dataset}: each of {', '.join(names)} in {tree.base} could hold the {option.name}. Name the right "
            f"one in {key}."
        )
    none = f"no file of the {option.name} ({' or '.join(suffixes)})"
    raise IncompleteError(f"{tree.dataset}: {tree.base} has {none}. Put it there, or name it in {key}.")
