"""CUHK-PEDES: captioned photos of five older sets (Li et al., Person Search with Natural Language Description).

``reid_raw.json`` holds the split; ``caption_all.json``, which comes with the images, does not. The
folders ``train_query`` and ``test_query`` are those of CUHK-SYSU and say nothing of the split.
"""

from __future__ import annotations

from ..errors import DatasetError
from ..modality import Combination, Modality
from ..protocols.base import Protocol
from ..protocols.simple import Open, SourcePhoto
from . import checks
from .annotations import read_objects
from .base import Adapter, Options, Splits, choose_query, relabel
from .captioned import Photo, counts, gallery_items, photos_by_split, query_items, training_items
from .files import Part, Tree
from .options import Option, about, defaults, resolve

NAME, FOLDER = "cuhk_pedes", "CUHK-PEDES"
ANNOTATIONS, UNSPLIT = "reid_raw.json", "caption_all.json"
SPLITS = ("train", "val", "test")
QUERIES: tuple[Combination, ...] = ((Modality.TEXT,), (Modality.RGB, Modality.TEXT), (Modality.RGB,))
LAYOUT = (
    Part(ANNOTATIONS, "with the split; linked from the dataset's read-me"),
    Part("imgs/<CUHK01|CUHK03|Market|cam_a|cam_b|test_query|train_query>/<image>"),
)
OPTIONS = (
    Option(
        "captions",
        "all",
        "queries: 'all' captions of every photo (6,156 in test; IRRA and later), or 'first2' (6,148; the original Lua)",
        ("all", "first2"),
    ),
    Option("split", "test", "which split is searched: 'test' or 'val'", ("test", "val")),
)
PUBLISHED = {
    "train": {"train ids": 11_003, "train images": 34_054, "train captions": 68_126},
    "val": {"val ids": 1_000, "val images": 3_078, "val captions": 6_158},
    "test": {"test ids": 1_000, "test images": 3_074, "test captions": 6_156},
}


def read_photos(tree: Tree, dataset: str, split: str) -> tuple[list[Photo], list[Photo], list[str]]:
    """The photos of training and of ``split``, and notes, the comparison of counts among them.

    Raises:
        DatasetError: the folder, the annotations or the images are not as published.
    """
    _check_split_file(tree)
    tree.require()
    photos, notes = photos_by_split(tree, ANNOTATIONS, SPLITS)
    train, searched = photos["train"], photos[split]
    found = {**counts("train", train), **counts(split, searched)}
    return train, searched, notes + checks.compare(dataset, found, {**PUBLISHED["train"], **PUBLISHED[split]})


def read(root: str, options: Options, query: Combination | None = None) -> Splits:
    """Photos with captions to train on; captions of ``split`` against its photos.

    Queries with ``rgb`` take the photo that the caption was written for, which the protocol then
    removes from the gallery.
    """
    values = resolve(NAME, OPTIONS, options)
    combination = choose_query(NAME, QUERIES, query)
    train, searched, notes = read_photos(Tree(NAME, root, FOLDER, LAYOUT), NAME, values["split"])
    return Splits(
        relabel(training_items(train)),
        query_items(searched, combination, {}, caption_limit(values)),
        gallery_items(searched),
        notes,
    )


def caption_limit(values: Options) -> int | None:
    """How many captions of a photo are queries; None for all."""
    return 2 if values["captions"] == "first2" else None


def protocol(root: str, options: Options, query: Combination | None = None) -> Protocol:
    """Captions against all photos; the source photo leaves the gallery when an image of it is in the query."""
    values = resolve(NAME, OPTIONS, options)
    name = f"{NAME}, {values['split']}, {values['captions']} captions"
    return Open(name) if query in (None, (Modality.TEXT,)) else SourcePhoto(name)


def _check_split_file(tree: Tree) -> None:
    if tree.has(ANNOTATIONS) or not tree.has(UNSPLIT):
        return
    _, first = next(read_objects(tree.path(UNSPLIT)))
    if "split" not in first:
        raise DatasetError(
            f"{tree.dataset}: {tree.path(UNSPLIT)} does not say which photos are for training and testing. "
            f"Put {ANNOTATIONS}, which does, beside it (the dataset's read-me links it)."
        )


ADAPTER = Adapter(NAME, FOLDER, read, protocol, QUERIES, defaults(OPTIONS), about(OPTIONS))
