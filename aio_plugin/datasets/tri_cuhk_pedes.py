"""Tri-CUHK-PEDES: CUHK-PEDES with one synthetic sketch of every photo (UNIReID, CVPR 2023).

A sketch was made from one photo. That photo leaves the gallery of every query that holds the sketch,
and, as UNIReID scores it, of text queries too; ``text_gallery`` gives the number comparable with
text-only papers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from ..modality import Combination, Item, Media, Modality
from ..protocols.base import Protocol
from ..protocols.simple import Open, SourcePhoto
from . import cuhk_pedes
from .base import Adapter, Options, Splits, choose_query, relabel
from .captioned import OTHER_CAMERA, Photo, gallery_items, query_items, training_items
from .checks import Absences
from .cuhk_pedes import FOLDER, caption_limit, read_photos
from .files import IMAGE_SUFFIXES, Part, Tree
from .options import Option, about, defaults, resolve

NAME = "tri_cuhk_pedes"
_RGB, _SKETCH, _TEXT = Modality.RGB, Modality.SKETCH, Modality.TEXT
QUERIES: tuple[Combination, ...] = (
    (_SKETCH, _TEXT),
    (_SKETCH,),
    (_TEXT,),
    (_RGB, _SKETCH, _TEXT),
    (_RGB, _SKETCH),
    (_RGB, _TEXT),
    (_RGB,),
)
SKETCH_FOLDERS = (
    "imgs-sketch2",
    "imgs-sketch",
    "sketch/aliyun/CUHK/imgs",
    "sketch/aliyun/CUHK",
    "sketch/aliyun/CUHK-PEDES/imgs",
    "sketch/aliyun/CUHK-PEDES",
)
LAYOUT = (
    *cuhk_pedes.LAYOUT,
    Part(f"{SKETCH_FOLDERS[0]}/<as imgs>", f"or {', '.join(SKETCH_FOLDERS[1:])}", optional=True),
)
OPTIONS = (
    *cuhk_pedes.OPTIONS,
    Option("sketches", "", "folder of the sketches below CUHK-PEDES; '' tries " + ", ".join(SKETCH_FOLDERS)),
    Option(
        "text_gallery",
        "filtered",
        "text-only queries: 'filtered' removes the photo a caption was written for (UNIReID), "
        "'original' removes nothing (comparable with CUHK-PEDES)",
        ("filtered", "original"),
    ),
)


def read(root: str, options: Options, query: Combination | None = None) -> Splits:
    """Photos with captions, and their sketches, to train on; every caption of ``split`` with the sketch
    of its own photo against the photos.

    Queries without text are one for every photo. Queries with ``rgb`` take the source photo itself.

    Raises:
        DatasetError: besides those of CUHK-PEDES, a photo that is searched for has no sketch.
    """
    values = resolve(NAME, OPTIONS, options)
    combination = choose_query(NAME, QUERIES, query)
    tree = Tree(NAME, root, FOLDER, LAYOUT)
    folder = sketch_folder(tree, values["sketches"])
    train, searched, notes = read_photos(tree, NAME, values["split"])
    sketches = match_sketches(tree, folder, [*train, *searched])
    if Modality.SKETCH in combination:
        _require_sketches(tree, folder, searched, sketches)
    lacking = sum(photo.path not in sketches for photo in train)
    if lacking:
        notes.append(f"{NAME}: {lacking} of {len(train)} training photos have no sketch in {folder}")
    return Splits(
        relabel([*training_items(train), *_sketch_items(train, sketches)]),
        query_items(searched, combination, sketches, caption_limit(values)),
        gallery_items(searched),
        notes,
    )


def sketch_folder(tree: Tree, given: str) -> str:
    """The folder of the sketches, relative to the dataset's: the given one, else the first there is.

    Raises:
        DatasetError: there is none; shows the expected tree.
    """
    if given:
        tree.listed(given, f"aio.datasets.{tree.dataset}.sketches")
    tried = (given,) if given else SKETCH_FOLDERS
    folder = next((folder for folder in tried if tree.has(folder)), tried[0])
    tree.require(folder)
    return folder


def match_sketches(tree: Tree, folder: str, photos: Iterable[Photo]) -> dict[str, str]:
    """Photo path -> sketch path: the same path below ``folder``, or with another image suffix."""
    start = len(tree.path("imgs")) + 1
    found = {}
    for photo in photos:
        stem, suffix = os.path.splitext(os.path.join(tree.path(folder), photo.path[start:]))
        sketch = next((stem + end for end in (suffix, *IMAGE_SUFFIXES) if tree.exists(stem + end)), None)
        if sketch:
            found[photo.path] = sketch
    return found


def protocol(root: str, options: Options, query: Combination | None = None) -> Protocol:
    """Without the source photo; text alone also with the original gallery."""
    values = resolve(NAME, OPTIONS, options)
    name = f"{NAME}, {values['split']}, {values['captions']} captions"
    if query == (Modality.TEXT,) and values["text_gallery"] == "original":
        return Open(f"{name}, original gallery")
    return SourcePhoto(name)


def _sketch_items(photos: Iterable[Photo], sketches: dict[str, str]) -> list[Item]:
    return [
        Item(Media(sketches[photo.path], Modality.SKETCH), photo.pid, OTHER_CAMERA)
        for photo in photos
        if photo.path in sketches
    ]


def _require_sketches(tree: Tree, folder: str, photos: Sequence[Photo], sketches: dict[str, str]) -> None:
    absences = Absences(tree, "reid_raw.json", folder)
    start = len(tree.path("imgs")) + 1
    for photo in photos:
        absences.see(sketches.get(photo.path, os.path.join(tree.path(folder), photo.path[start:])))
    absences.raise_if_any()


ADAPTER = Adapter(NAME, FOLDER, read, protocol, QUERIES, defaults(OPTIONS), about(OPTIONS))
