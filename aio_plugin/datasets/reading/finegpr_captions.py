"""The captions of FineGPR-C in whichever form they come: the authors do not say which.

* ``ImageName:0009_c10_w03_l05_p02.jpg, the caption is: ...``, a line each, as their caption dumps are;
* ``0009_c10_w03_l05_p02.jpg<tab or space>...``, a line each;
* COCO's captions: ``{"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}``;
* a JSON list of ``{"file" or "image", "caption"}``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ...errors import DatasetError
from .annotations import read_objects, string
from .finegpr import EXAMPLE, PATTERN, Conditions
from .lists import Names, read_lines

DUMP = re.compile(r"ImageName:\s*(?P<image>\S+?)\s*,\s*the caption is:(?P<caption>.*)", re.IGNORECASE)
PAIR = re.compile(r"(?P<image>\S+\.(?:jpe?g|png|bmp))(?:[\t ](?P<caption>.*))?", re.IGNORECASE)
IMAGE_KEYS = ("image", "file", "file_name", "file_path")
SUFFIXES = (".txt", ".tsv", ".json")
HEAD = 4096


class FineGPRCaption(NamedTuple):
    """A caption of a file.

    Attributes:
        number: of its line from 1, or of its record from 0.
        image: the path of its image, as it stands in the file.
        text: the sentence, stripped; "" if blank.
    """

    number: int
    image: str
    text: str


class FineGPRCaptions:
    """The captions of a file by the key of their image.

    Args:
        dataset: its name, for messages.
        file: in any form that :func:`read_finegpr_captions` reads.

    Attributes:
        by_key: the key of an image -> (number, text) of its captions in the order of the file.

    Raises:
        DatasetError: the file is malformed, or names no image as FineGPR does.
    """

    def __init__(self, dataset: str, file: str) -> None:
        self._dataset = dataset
        self.by_key: dict[int, list[tuple[int, str]]] = {}
        names = Names(PATTERN, f"{dataset} images in {os.path.basename(file)}", EXAMPLE)
        blank = repeated = 0
        for number, image, text in read_finegpr_captions(file):
            match = names.match(image.replace("\\", "/").rsplit("/", 1)[-1], image)
            blank += not text
            if match and text:
                captions = self.by_key.setdefault(Conditions.of(match).key, [])
                if any(text == other for _, other in captions):
                    repeated += 1
                else:
                    captions.append((number, text))
        self._notes = names.notes()
        if repeated:
            self._notes.append(f"{dataset}: {repeated} captions that are repeated for an image count once")
        if blank:
            self._notes.append(f"{dataset}: {blank} blank captions are left out")

    def notes(self, images: Iterable[int]) -> list[str]:
        """What is left out; ``images`` are the keys of all images there are."""
        notes, present = list(self._notes), set(images)
        bare, alone = len(present - self.by_key.keys()), len(self.by_key.keys() - present)
        if bare:
            notes.append(f"{self._dataset}: {bare:,} of {len(present):,} images have no caption and are left out")
        if alone:
            notes.append(f"{self._dataset}: {alone:,} of {len(self.by_key):,} captioned images are absent")
        return notes


def read_finegpr_captions(file: str) -> Iterator[FineGPRCaption]:
    """The captions of a file in any of the forms, one in memory at a time (of COCO's, the image names too).

    Raises:
        DatasetError: the file is in none of the forms, and the message shows its first line; or a later
            line or record is not of the form of the first.
    """
    _, first = next(read_lines(file, HEAD), (0, ""))
    if first.startswith("["):
        return _listed(file)
    if first.startswith("{"):
        return _coco(file, first)
    for form in (DUMP, PAIR):
        if form.fullmatch(first):
            return _written(file, form)
    raise _unknown(file, first)


def _written(file: str, form: re.Pattern[str]) -> Iterator[FineGPRCaption]:
    for number, line in read_lines(file):
        match = form.fullmatch(line)
        if match is None:
            raise DatasetError(f"{file}, line {number}: is not as the first line, but {line[:80]!r}. Correct it.")
        yield FineGPRCaption(number, match["image"], (match["caption"] or "").strip())


def _listed(file: str) -> Iterator[FineGPRCaption]:
    for number, record in read_objects(file):
        where = f"{file}: record {number}"
        key = next((key for key in IMAGE_KEYS if key in record), None)
        if key is None:
            raise DatasetError(f"{where} names no image: it has none of {', '.join(IMAGE_KEYS)}. Restore the file.")
        yield FineGPRCaption(number, string(record, key, where), _text(record, where))


def _coco(file: str, first: str) -> Iterator[FineGPRCaption]:
    images: dict[int | str, str] = {}
    for number, record in read_objects(file, "images"):
        where = f"{file}: image {number}"
        images[_id(record, "id", where)] = string(record, "file_name", where)
    if not images:
        raise _unknown(file, first)
    for number, record in read_objects(file, "annotations"):
        where = f"{file}: annotation {number}"
        at = _id(record, "image_id", where)
        if at not in images:
            raise DatasetError(f"{where}: no image of the file has the id {at!r}. Restore the file.")
        yield FineGPRCaption(number, images[at], _text(record, where))


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
