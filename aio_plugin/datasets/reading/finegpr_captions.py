"""The captions of FineGPR-C in whichever form they come: the authors do not say which.

* ``ImageName:0009_c10_w03_l05_p02.jpg, the caption is: ...``, a line each, as their caption dumps are;
* ``0009_c10_w03_l05_p02.jpg<tab or space>...``, a line each;
* COCO's captions: ``{"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}``;
* a JSON list of ``{"file" or "image", "caption"}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...errors import DatasetError
from .annotations import read_objects, string
from .json_stream import member_elements

DUMP = re.compile(r"ImageName:\s*(?P<image>\S+?)\s*,\s*the caption is:(?P<caption>.*)", re.IGNORECASE)
PAIR = re.compile(r"(?P<image>\S+\.(?:jpe?g|png|bmp))(?:[\t ](?P<caption>.*))?", re.IGNORECASE)
IMAGE_KEYS = ("image", "file", "file_name", "file_path")
SUFFIXES = (".txt", ".tsv", ".json")
HEAD = 4096


class Caption(NamedTuple):
    """A caption of a file.

    Attributes:
        number: of its line from 1, or of its record from 0.
        image: the path of its image, as it stands in the file.
        text: the sentence, stripped; "" if blank.
    """

    number: int
    image: str
    text: str


def read_captions(file: str) -> Iterator[Caption]:
    """The captions of a file in any of the forms, one in memory at a time (of COCO's, the image names too).

    Raises:
        DatasetError: the file is in none of the forms, and the message shows its first line; or a later
            line or record is not of the form of the first.
    """
    first = next((line for _, line in _lines(file, HEAD)), "")
    if first.startswith("["):
        return _listed(file)
    if first.startswith("{"):
        return _coco(file, first)
    for form in (DUMP, PAIR):
        if form.fullmatch(first):
            return _written(file, form)
    raise _unknown(file, first)


def _lines(file: str, limit: int = -1) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, stripped, with their numbers from 1; at most ``limit`` characters of each."""
    try:
        with open(file, encoding="utf-8-sig") as stream:
            for number, line in enumerate(iter(lambda: stream.readline(limit), ""), 1):
                if line.strip():
                    yield number, line.strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"Cannot read the captions {file}: {error}. Restore the file as UTF-8 text.") from error


def _written(file: str, form: re.Pattern[str]) -> Iterator[Caption]:
    for number, line in _lines(file):
        match = form.fullmatch(line)
        if match is None:
            raise DatasetError(f"{file}, line {number}: is not as the first line, but {line[:80]!r}. Correct it.")
        yield Caption(number, match["image"], (match["caption"] or "").strip())


def _listed(file: str) -> Iterator[Caption]:
    for number, record in read_objects(file):
        where = f"{file}: record {number}"
        key = next((key for key in IMAGE_KEYS if key in record), None)
        if key is None:
            raise DatasetError(f"{where} names no image: it has none of {', '.join(IMAGE_KEYS)}. Restore the file.")
        yield Caption(number, string(record, key, where), _text(record, where))


def _coco(file: str, first: str) -> Iterator[Caption]:
    images: dict[int | str, str] = {}
    for number, record in _members(file, "images"):
        where = f"{file}: image {number}"
        images[_id(record, "id", where)] = string(record, "file_name", where)
    if not images:
        raise _unknown(file, first)
    for number, record in _members(file, "annotations"):
        where = f"{file}: annotation {number}"
        at = _id(record, "image_id", where)
        if at not in images:
            raise DatasetError(f"{where}: no image of the file has the id {at!r}. Restore the file.")
        yield Caption(number, images[at], _text(record, where))


def _members(file: str, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of the list under a key of the file's one object, with their positions from 0."""
    number = -1
    try:
        with open(file, "rb") as stream:
            for number, record in enumerate(member_elements(stream, key)):
                if not isinstance(record, dict):
                    raise DatasetError(f"{file}: {key}[{number}] is not an object. Restore the file.")
                yield number, record
    except ValueError as error:
        raise DatasetError(f"{file}: not JSON after {key}[{number}]: {error}. Restore the file.") from error


def _id(record: dict[str, Any], key: str, where: str) -> int | str:
    value = record.get(key)
    if type(value) is int or isinstance(value, str):
        return value
    raise DatasetError(f"{where}: {key!r} must be a whole number or a string, got {type(value).__name__}.")


def _text(record: dict[str, Any], where: str) -> str:
    value = record.get("caption")
    if not isinstance(value, str):
        raise DatasetError(f"{where}: 'caption' must be a string, got {type(value).__name__}. Restore the file.")
    return value.strip()


def _unknown(file: str, first: str) -> DatasetError:
    return DatasetError(
        f"{file}: captions in a form that is not known; the first line is {first[:120]!r}. Known are lines "
        f"'ImageName:<image>, the caption is: <caption>', lines '<image><tab or space><caption>', COCO's captions "
        f"(images with id and file_name, annotations with image_id and caption), and a JSON list of objects with "
        f"image and caption. Convert the file to one of these."
    )
