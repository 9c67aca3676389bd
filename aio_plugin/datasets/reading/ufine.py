"""What UFine6926 and UFine3C share: long captions, in one file (UFineBench, CVPR 2024, arXiv:2312.03441)."""

from __future__ import annotations

from collections.abc import Sequence

from ...modality import Combination, Modality
from ...protocols.base import Protocol
from ...protocols.whole_gallery import WholeGallery
from ..base import Options
from .annotations import file_option, find_file
from .captioned import Photo, photos_by_split
from .layouts import Part, Tree

QUERIES: tuple[Combination, ...] = ((Modality.TEXT,), (Modality.RGB, Modality.TEXT), (Modality.RGB,))
LAYOUT = (
    Part("images/<n>.jpg"),
    Part("*.json", "a list of split, id, file_path and captions; the authors do not say its name"),
)
ANNOTATIONS = file_option()
OPTIONS = (ANNOTATIONS,)
SPLITS = ("train", "test")
MOST_WORDS = 75
"""CLIP reads 77 tokens, two of which are the start and the end, and a word is at least one."""


def read_photos(name: str, folder: str, root: str, options: Options) -> tuple[str, dict[str, list[Photo]], list[str]]:
    """The annotation file, the photos of training and test, and notes.

    Raises:
        DatasetError: the folder, the annotations or the images are not as published.
    """
    tree = Tree(name, root, folder, LAYOUT)
    tree.require()
    file = find_file(tree, ANNOTATIONS, options[ANNOTATIONS.name])
    photos, notes = photos_by_split(tree, file[len(tree.base) + 1 :], SPLITS, images="")
    return file, photos, notes + _too_long(name, [photo for split in SPLITS for photo in photos[split]])


def make_protocol(name: str, options: Options, query: Combination | None) -> Protocol:
    """Captions against all photos; the source photo leaves the gallery when an image of it is in the query."""
    if query in (None, (Modality.TEXT,)):  # the authors report mSD of captions against photos
        return WholeGallery(name, "none", "test, all captions", similarity_distribution=True)
    return WholeGallery(name, "source", "test, all captions")


def _too_long(name: str, photos: Sequence[Photo]) -> list[str]:
    lengths = [len((caption.caption or "").split()) for photo in photos for caption in photo.captions]
    cut = sum(length > MOST_WORDS for length in lengths)
    if not cut:
        return []
    return [
        f"{name}: {cut:,} of {len(lengths):,} captions have more than {MOST_WORDS} words; a text encoder of 77 tokens, "
        f"as CLIP's, never sees their ends (aio.text.length)"
    ]
