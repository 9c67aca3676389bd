"""Sets of captioned photos: photos by split, training items, queries, gallery."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ...errors import DatasetError
from ...modality import Combination, Item, Media, Modality
from .annotations import PhotoRecord, read_photos
from .checks import Absences, Fault
from .layouts import Tree

PHOTO_CAMERA, OTHER_CAMERA = 0, 1
"""Most of these sets name no cameras. Captions, sketches and queries get another camera than the photos, so that
a rule that removes the same person under the same camera removes nothing."""


class Photo(NamedTuple):
    """An image with its raw identity, its captions and the camera, where that is known."""

    path: str
    pid: int
    captions: tuple[Media, ...]
    camid: int = PHOTO_CAMERA


def photos_by_split(
    tree: Tree, file: str, splits: tuple[str, ...], images: str = "imgs", path_key: str = "file_path"
) -> tuple[dict[str, list[Photo]], list[str]]:
    """The photos of every split in the order of the file, and notes on what is left out.

    Args:
        file: the annotation file, relative to the dataset's folder.
        splits: the names a split may have; the key order of the result.
        images: the folder that the annotated paths are relative to.

    Raises:
        DatasetError: bad annotations, absent images, or one image with two identities or splits.
    """
    photos: dict[str, list[Photo]] = {split: [] for split in splits}
    records: dict[str, PhotoRecord] = {}
    absences = Absences(tree, tree.relative(tree.path(file)), images)
    repeated = blank = 0
    for record in read_photos(tree.path(file), path_key, splits):
        path = tree.listed(record.path, f"{tree.path(file)}: record {record.number}, {path_key!r}", images)
        first = records.setdefault(path, record)
        if first is not record:
            _check_same(first, record, tree.path(file))
            repeated += 1
            continue
        absences.see(path)
        photos[record.split].append(Photo(path, record.pid, _captions(tree.path(file), record)))
        blank += record.captions.count("")
    absences.raise_if_any(tolerable=True)
    notes = []
    if repeated:
        notes.append(f"{tree.dataset}: {repeated} repeated records in {file} are left out")
    if blank:
        notes.append(f"{tree.dataset}: {blank} blank captions are left out")
    return photos, notes + _shared_identities(tree.dataset, photos)


def training_items(photos: Iterable[Photo]) -> list[Item]:
    """The photos with their captions as partners; raw pids."""
    return [Item(Media(photo.path, partners=photo.captions), photo.pid, photo.camid) for photo in photos]


def gallery_items(photos: Sequence[Photo]) -> list[Item]:
    """Every photo once, without captions; ``source`` is its position."""
    return [Item(Media(photo.path), photo.pid, photo.camid, at) for at, photo in enumerate(photos)]


def unused_camera(photos: Iterable[Photo]) -> int:
    """A camera that none of the photos is from, for captions and sketches."""
    return max((photo.camid + 1 for photo in photos), default=OTHER_CAMERA)


def query_items(
    photos: Sequence[Photo], combination: Combination, sketches: Mapping[str, str], captions: int | None = None
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
            images.append(Media(photo.path))
        if Modality.SKETCH in combination:
            images.append(Media(sketches[photo.path], Modality.SKETCH))
        if Modality.TEXT not in combination:
            parts = [images]
        else:
            parts = [[*images, caption] for caption in photo.captions[:captions]]
        items += [Item(Media.joined(each), photo.pid, camera, at) for each in parts]
    return items


def counts(split: str, photos: Sequence[Photo]) -> dict[str, int]:
    """Identities, images and captions of a split, to compare with the published ones."""
    return {
        f"{split} ids": len({photo.pid for photo in photos}),
        f"{split} images": len(photos),
        f"{split} captions": sum(len(photo.captions) for photo in photos),
    }


def _captions(file: str, record: PhotoRecord) -> tuple[Media, ...]:
    return tuple(
        Media(f"{file}#{record.number}.{at}", Modality.TEXT, caption)
        for at, caption in enumerate(record.captions)
        if caption
    )


def _check_same(first: PhotoRecord, again: PhotoRecord, file: str) -> None:
    if (first.pid, first.split) != (again.pid, again.split):
        raise DatasetError(
            f"{file}: records {first.number} and {again.number} give {again.path!r} two identities or splits. "
            f"Correct the file."
        )


def _shared_identities(dataset: str, photos: Mapping[str, Sequence[Photo]]) -> list[str]:
    trained = {photo.pid for photo in photos["train"]}
    shared = {split: trained & {photo.pid for photo in some} for split, some in photos.items() if split != "train"}
    return [
        Fault(f"{dataset}: {len(pids)} identities are in train and in {split}, the first {min(pids)}: results mislead")
        for split, pids in shared.items()
        if pids
    ]
