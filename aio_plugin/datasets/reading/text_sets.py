"""What CUHK-PEDES, ICFG-PEDES and RSTPReid share: one list of captioned photos, one way of searching them.

Common protocol (IRRA, arXiv:2303.12501): every caption of every test photo is a query, every test photo stands in
the gallery once, and any photo of the person is right, the one a caption was written for included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...config import Option
from ...modality import Combination, Modality
from ...protocols.base import Protocol
from ...protocols.whole_gallery import WholeGallery
from ..base import Adapter, Options, Splits, relabel
from . import checks
from .captioned import Photo, counts, gallery_items, photos_by_split, query_items, training_items
from .layouts import Part, Tree
from .lists import Names

IMAGES = "imgs"
QUERIES: tuple[Combination, ...] = ((Modality.TEXT,), (Modality.RGB, Modality.TEXT), (Modality.RGB,))
_SPLIT = Option("split", "test", "which split is searched: 'test' or 'val'", ("test", "val"))


class Cameras:
    """How a photo's path tells its camera.

    Args:
        pattern: a regular expression for the end of the path, with the group ``camera``, counted from 1.
        example: a path as it should be.
        number: of cameras; photos whose path says nothing count as one more.
    """

    def __init__(self, pattern: str, example: str, number: int) -> None:
        self.pattern, self.example, self.number = rf"(?:.*/)?(?:{pattern})", example, number


@dataclass(frozen=True)
class CaptionedSet:
    """A set of captioned photos.

    Attributes:
        name, folder: as in :class:`aio_plugin.datasets.base.Adapter`.
        annotations: names the annotation file goes by, and what a user should know of it.
        image: what lies below ``imgs``, for the expected tree.
        published: split -> counts; the splits there are.
        path_key: key of an image's path in the annotations.
        options: beside ``split``, which sets with a validation split have.
        cameras: None where photos do not tell theirs.
        check: raises what is to be said of a folder before anything else.
    """

    name: str
    folder: str
    annotations: tuple[str, ...]
    about: str
    image: str
    published: Mapping[str, Mapping[str, int]]
    path_key: str = "file_path"
    options: tuple[Option, ...] = ()
    cameras: Cameras | None = None
    check: Callable[[Tree], None] | None = None

    @property
    def layout(self) -> tuple[Part, ...]:
        """The expected tree; the annotations by their first name."""
        renamed = len(self.annotations) > 1
        return Part(self.annotations[0], self.about, optional=renamed), Part(f"{IMAGES}/{self.image}")

    @property
    def all_options(self) -> tuple[Option, ...]:
        """Its own, and ``split`` where there is a choice."""
        return (*self.options, _SPLIT) if "val" in self.published else self.options

    @property
    def survey(self) -> tuple[Options, ...]:
        """Options under which every split is read."""
        return ({}, {"split": "val"}) if "val" in self.published else ({},)


@dataclass(frozen=True)
class Read:
    """The photos of training and of the split that is searched, with what was counted of them."""

    train: list[Photo]
    searched: list[Photo]
    notes: list[str]
    found: dict[str, int]
    published: dict[str, int]


def read_photos(given: CaptionedSet, tree: Tree, split: str) -> Read:
    """The photos of training and of ``split``.

    Args:
        tree: of ``given``, or of a dataset that adds to it and has its own name.

    Raises:
        DatasetError: the folder, the annotations or the images are not as published.
    """
    if given.check:
        given.check(tree)
    file = next((name for name in given.annotations if tree.has(name)), given.annotations[0])
    tree.require(file)
    photos, notes = photos_by_split(tree, file, tuple(given.published), IMAGES, given.path_key)
    if given.cameras:
        photos, more = _with_cameras(tree, given.cameras, photos)
        notes += more
    train, searched = photos["train"], photos[split]
    found = {**counts("train", train), **counts(split, searched)}
    published = {**given.published["train"], **given.published[split]}
    return Read(train, searched, notes + checks.compare(tree.dataset, found, published), found, published)


def captions_of(values: Options) -> int | None:
    """How many captions of a photo are queries; None for all."""
    return 2 if values.get("captions") == "first2" else None


def searched_part(values: Options) -> str:
    """Split and captions, as a protocol names them."""
    captions = f", {values['captions']} captions" if "captions" in values else ""
    return f"{values.get('split', 'test')}{captions}"


def adapter(given: CaptionedSet) -> Adapter:
    """The adapter of a set by itself."""
    options = given.all_options
    return Adapter(
        given.name,
        given.folder,
        partial(_read, given),
        partial(_protocol, given),
        QUERIES,
        options,
        survey=given.survey,
    )


def _read(given: CaptionedSet, root: str, options: Options, query: Combination | None) -> Splits:
    """Photos with captions to train on; captions of the searched split against its photos.

    Queries with ``rgb`` take the photo that the caption was written for, which the protocol then
    removes from the gallery.
    """
    combination = query or QUERIES[0]
    read = read_photos(given, Tree(given.name, root, given.folder, given.layout), options.get("split", "test"))
    return Splits(
        relabel(training_items(read.train)),
        query_items(read.searched, combination, {}, captions_of(options)),
        gallery_items(read.searched),
        read.notes,
        read.found,
        read.published,
    )


def _protocol(given: CaptionedSet, root: str, options: Options, query: Combination | None) -> Protocol:
    """Captions against all photos; the source photo leaves the gallery when an image of it is in the query."""
    part = searched_part(options)
    return WholeGallery(given.name, "none" if query in (None, (Modality.TEXT,)) else "source", part)


def _with_cameras(
    tree: Tree, cameras: Cameras, photos: Mapping[str, Sequence[Photo]]
) -> tuple[dict[str, list[Photo]], list[str]]:
    """The photos of every split with the cameras that their paths tell, and a note on those that tell none."""
    names = Names(cameras.pattern, f"{tree.dataset} photos", cameras.example)
    found = {split: list(_placed(tree, cameras, names, some)) for split, some in photos.items()}
    if not names.off:
        return found, []
    return found, [
        f"{names.what}: {names.off} of {names.off + names.matched} paths are not of the form {names.example} and do "
        f"not tell the camera; the first: {names.first_off}"
    ]


def _placed(tree: Tree, cameras: Cameras, names: Names, photos: Iterable[Photo]) -> Iterable[Photo]:
    for photo in photos:
        where = tree.relative(photo.path).replace("\\", "/")
        match: Any = names.match(where, where)
        yield photo._replace(camid=int(match["camera"]) - 1 if match else cameras.number)
