"""Sets of captioned photos: photos by split, queries, gallery.

A photo is an item with its captions as partners and its raw identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ...errors import DatasetError
from ...modality import Combination, Item, Media, Modality
from .annotations import PhotoRecord, read_photos
from .checks import Absences, Fault, pids, read_once
from .layouts import Tree

PHOTO_CAMERA, OTHER_CAMERA = 0, 1
"""Most of these sets name no cameras. Captions, sketches and queries get another camera than the photos, so that
a rule that removes the same person under the same camera removes nothing."""


def photos_by_split(
    tree: Tree, file: str, splits: tuple[str, ...], images: str = "imgs", path_key: str = "file_path"
) -> tuple[dict[str, list[Item]], list[str]]:
    """The photos of every split in the order of the file, and notes on what is left out.

    Args:
        file: the annotation file, relative to the dataset's folder.
        splits: the names a split may have; the key order of the result.
        images: the folder that the annotated paths are relative to.

    Raises:
        DatasetError: bad annotations, absent images, or one image with two identities or splits.
    """
    key = (tree.path(file), splits, images, path_key)
    known = read_once(key, lambda: _read_photos(tree, file, splits, images, path_key))
    photos = {split: list(items) for split, items in known.photos.items()}
    known.absences.raise_if_any(tolerable=True, dataset=tree.dataset)
    notes = []
    if known.repeated:
        notes.append(f"{tree.dataset}: {known.repeated} repeated records in {file} are left out")
    if known.blank:
        notes.append(f"{tree.dataset}: {known.blank} blank captions are left out")
    for split in splits:
        shared = pids(photos["train"]) & pids(photos[split])
        if split != "train" and shared:
            share = f"{len(shared)} identities are in train and in {split}, the first {min(shared)}"
            notes.append(Fault(f"{tree.dataset}: {share}: results mislead"))
    return photos, notes


class _Photos(NamedTuple):
    """What an annotation file holds: split -> photos, the images that are absent, how much is left out."""

    photos: dict[str, list[Item]]
    absences: Absences
    repeated: int
    blank: int


def _read_photos(tree: Tree, file: str, splits: tuple[str, ...], images: str, path_key: str) -> _Photos:
    photos: dict[str, list[Item]] = {split: [] for split in splits}
    records: dict[str, PhotoRecord] = {}
    source, repeated, blank = tree.path(file), 0, 0
    absences = Absences(tree, tree.relative(source), images)
    for record in read_photos(tree, source, images, path_key, splits):
        first = records.setdefault(record.path, record)
        if (first.pid, first.split) != (record.pid, record.split):
            raise DatasetError(
                f"{source}: records {first.number} and {record.number} give {record.path!r} two identities or splits. "
                f"Correct the file."
            )
        if first is not record:
            repeated += 1
            continue
        absences.see(record.path)
        captions = [
            Media(f"{source}#{record.number}.{at}", Modality.TEXT, caption)
            for at, caption in enumerate(record.captions)
            if caption
        ]
        photos[record.split].append(Item(Media(record.path, partners=captions), record.pid, PHOTO_CAMERA))
        blank += len(record.captions) - len(captions)
    return _Photos(photos, absences, repeated, blank)


def gallery_items(photos: Sequence[Item]) -> list[Item]:
    """Every photo once, without captions; ``source`` is its position."""
    return [Item(Media(photo.media), photo.pid, photo.camid, at) for at, photo in enumerate(photos)]


def unused_camera(photos: Iterable[Item]) -> int:
    """A camera that none of the photos is from, for captions and sketches."""
    return max((photo.camid + 1 for photo in photos), default=OTHER_CAMERA)


def query_items(
    photos: Sequence[Item], combination: Combination, sketches: Mapping[str, str], captions: int | None = None
) -> list[Item]:
    """One query for every caption, with its photo and its sketch if the combination has them; without text, one for
    every photo.

    Args:
        sketches: photo path -> sketch path.
        captions: how many of a photo's captions are used; None for all.

    Returns:
        Items whose media has the first modality of the combination and the others as partners, and
        whose ``source`` is the position of the photo in ``photos``.
    """
    items = []
    camera = unused_camera(photos)
    for at, photo in enumerate(photos):
        images = []
        if Modality.RGB in combination:
            images.append(photo.media)
        if Modality.SKETCH in combination:
            images.append(Media(sketches[photo.media], Modality.SKETCH))
        texts = [[caption] for caption in photo.media.partners[:captions]] if Modality.TEXT in combination else [[]]
        items += [Item(Media.joined([*images, *text]), photo.pid, camera, at) for text in texts]
    return items


def counts(split: str, photos: Sequence[Item]) -> dict[str, int]:
    """Identities, images and captions of a split, to compare with the published ones."""
    return {
        f"{split} ids": len(pids(photos)),
        f"{split} images": len(photos),
        f"{split} captions": sum(len(photo.media.partners) for photo in photos),
    }
