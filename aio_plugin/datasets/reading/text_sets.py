"""Sets of captioned photos that are searched in one way: CUHK-PEDES, ICFG-PEDES, RSTPReid, UFine6926 and UFine3C.

Common protocol (IRRA, arXiv:2303.12501): every caption of every test photo is a query, every test photo is in the
gallery once, and any photo of the person is right, including the one that the caption was written for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from ...modality import Combination, Item, Modality
from ...options import Option
from ...protocols.base import Protocol
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits, relabel
from . import checks
from .annotations import file_option, find_file
from .captioned import counts, gallery_items, photos_by_split, query_items
from .layouts import Part, Tree
from .lists import Names

QUERIES: tuple[Combination, ...] = ((Modality.TEXT,), (Modality.RGB, Modality.TEXT), (Modality.RGB,))
_SPLIT = Option("split", "test", "which split is searched: 'test' or 'val'", ("test", "val"))
_ANNOTATIONS = file_option()


class CameraPattern(NamedTuple):
    """How a photo's path tells its camera.

    Attributes:
        pattern: a regular expression for the end of the path, with the group ``camera``, counted from 1.
        example: a path as it should be.
        number: of cameras; photos whose path does not match get one more.
    """

    pattern: str
    example: str
    number: int


@dataclass(frozen=True)
class CaptionedSet:
    """A set of captioned photos.

    Attributes:
        name, folder: as in :class:`aio_plugin.datasets.base.Adapter`.
        annotations: the names that the annotation file can have, or () if an option must name it or it is the only
            ``.json`` file; ``about`` it, for the expected tree.
        image: path of the images below ``images``, for the expected tree.
        published: split -> counts. A set without ``train`` is for testing only.
        images: the folder that the annotated paths are relative to.
        path_key: key of an image's path in the annotations.
        options: beside ``split``, which sets with a validation split have.
        cameras: None if paths do not tell the camera.
        check: raises an error about the folder before it is read.
        notes: ``(tree, annotation file, split -> photos) -> notes``.
        similarity_distribution: whether the authors report mSD of captions against photos.
    """

    name: str
    folder: str
    annotations: tuple[str, ...]
    about: str
    image: str
    published: Mapping[str, Mapping[str, int]]
    images: str = "imgs"
    path_key: str = "file_path"
    options: tuple[Option, ...] = ()
    cameras: CameraPattern | None = None
    check: Callable[[Tree], None] | None = None
    notes: Callable[[Tree, str, Mapping[str, list[Item]]], Iterable[str]] | None = None
    similarity_distribution: bool = False

    @property
    def layout(self) -> tuple[Part, ...]:
        """The expected tree, with the first name of the annotations."""
        file = Part((*self.annotations, "*.json")[0], self.about, optional=len(self.annotations) > 1)
        return file, Part("/".join(filter(None, (self.images, self.image))))

    @property
    def all_options(self) -> tuple[Option, ...]:
        """Its own, ``annotations`` if their name is not known, and ``split`` if there is a choice."""
        return (
            *self.options,
            *([] if self.annotations else [_ANNOTATIONS]),
            *([_SPLIT] if "val" in self.published else []),
        )

    @property
    def survey(self) -> tuple[Options, ...]:
        """Options under which every split is read."""
        return ({}, {"split": "val"}) if "val" in self.published else ({},)

    def searched_part(self, options: Options) -> str:
        """Split and captions, as a protocol names them."""
        captions = options.get("captions", "all" if self.similarity_distribution else "")
        return f"{options.get('split', 'test')}{f', {captions} captions' if captions else ''}"


def read_captioned_set(captioned: CaptionedSet, tree: Tree, options: Options) -> Splits:
    """The photos with their captions and raw pids: those of training, and as gallery those of the split searched.

    Args:
        tree: of the set, or of a dataset that adds to it and has its own name.

    Raises:
        DatasetError: the folder, the annotations or the images are not as published.
    """
    if captioned.check:
        captioned.check(tree)
    file = _annotation_file(captioned, tree, options)
    splits = tuple(dict.fromkeys(("train", *captioned.published)))
    photos, notes = photos_by_split(tree, file, splits, captioned.images, captioned.path_key)
    if captioned.cameras:
        notes += _set_cameras(tree, captioned.cameras, photos)
    if captioned.notes:
        notes += captioned.notes(tree, file, photos)
    split = options.get("split", "test")
    used = [part for part in ("train", split) if part in captioned.published]
    found = {key: count for part in used for key, count in counts(part, photos[part]).items()}
    published = {key: count for part in used for key, count in captioned.published[part].items()}
    notes += checks.compare(tree.dataset, found, published)
    return Splits(photos["train"] if "train" in used else [], (), photos[split], notes, found, published)


def queried_captions(options: Options) -> int | None:
    """How many captions of a photo are queries; None for all."""
    return 2 if options.get("captions") == "first2" else None


def captioned_adapter(captioned: CaptionedSet) -> Adapter:
    """The adapter of a set."""
    return Adapter(
        captioned.name,
        captioned.folder,
        partial(_read_splits, captioned),
        partial(_make_protocol, captioned),
        QUERIES,
        captioned.all_options,
        survey=captioned.survey,
        surveyed=((Modality.TEXT,),),
    )


def _read_splits(captioned: CaptionedSet, root: str, options: Options, query: Combination | None) -> Splits:
    """Photos with captions to train on; captions of the searched split against its photos.

    Queries with ``rgb`` take the photo that the caption was written for, which the protocol then
    removes from the gallery.
    """
    photos = read_captioned_set(captioned, Tree(captioned.name, root, captioned.folder, captioned.layout), options)
    return replace(
        photos,
        train=relabel(photos.train),
        query=query_items(photos.gallery, query or QUERIES[0], {}, queried_captions(options)),
        gallery=gallery_items(photos.gallery),
    )


def _make_protocol(captioned: CaptionedSet, root: str, options: Options, query: Combination | None) -> Protocol:
    """Captions against all photos; the source photo leaves the gallery when an image of it is in the query."""
    part = captioned.searched_part(options)
    if query in (None, (Modality.TEXT,)):
        return WholeGallery(captioned.name, "none", part, similarity_distribution=captioned.similarity_distribution)
    return WholeGallery(captioned.name, "source", part)


def _annotation_file(captioned: CaptionedSet, tree: Tree, options: Options) -> str:
    """The annotation file, relative to the dataset's folder."""
    if not captioned.annotations:
        tree.require()
        return os.path.relpath(find_file(tree, _ANNOTATIONS, options[_ANNOTATIONS.name]), tree.base)
    file = next((name for name in captioned.annotations if tree.has(name)), captioned.annotations[0])
    tree.require(file)
    return file


def _set_cameras(tree: Tree, cameras: CameraPattern, photos: Mapping[str, list[Item]]) -> list[str]:
    """Give photos the cameras that their paths tell; returns a note on paths that tell none."""
    names = Names(rf"(?:.*/)?(?:{cameras.pattern})", f"{tree.dataset} photos", cameras.example)
    for items in photos.values():
        for at, photo in enumerate(items):
            path = f"{tree.folder}{photo.media[len(tree.base) :]}".replace("\\", "/")
            match = names.match(path, path)
            items[at] = Item(photo.media, photo.pid, int(match["camera"]) - 1 if match else cameras.number)
    if not names.off:
        return []
    return [
        f"{names.what}: {names.off} of {names.off + names.matched} paths are not of the form {names.example} and do "
        f"not tell the camera; the first: {names.first_off}"
    ]
