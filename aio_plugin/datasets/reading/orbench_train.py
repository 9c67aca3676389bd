"""ORBench's ``train_annos.json``: captioned RGB photos, and the other modalities of the same people.

The images of the other modalities are not listed. They are in folders of the same name, which need not
be the ``id`` of the annotations: the folder says which images belong together, the ``id`` whose they are.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ...errors import DatasetError
from ...modality import Item, Media, Modality
from ..base import relabel
from .annotations import read_photos
from .captioned import OTHER_CAMERA, PHOTO_CAMERA
from .checks import Absences, Fault, missing_modalities
from .layouts import Tree
from .lists import Names
from .orbench_lists import FOLDERS

TRAIN = "train_annos.json"
DRAWN = tuple(modality for modality in FOLDERS if modality is not Modality.RGB)


def read_train(tree: Tree, gallery: Sequence[Item]) -> tuple[list[Item], list[str]]:
    """The training items, and notes on what is left out or missing.

    Args:
        gallery: of the test split, to see whether people are in both.

    Raises:
        DatasetError: malformed annotations, absent images, or a folder with two identities.
    """
    photos, owner, notes = _photos(tree)
    items = [
        Item(Media(path, partners=captions), owner[_folder(path)], PHOTO_CAMERA) for path, captions in photos.items()
    ]
    items += [
        Item(Media(tree.path(f"{FOLDERS[modality]}/{folder}/{name}"), modality), pid, OTHER_CAMERA)
        for folder, pid in sorted(owner.items())
        for modality in DRAWN
        for name in tree.files(f"{FOLDERS[modality]}/{folder}")
    ]
    notes += missing_modalities(tree.dataset, "training", items, DRAWN)
    shared = owner.keys() & {_folder(item.media) for item in gallery}
    if shared:
        folders = f"{len(shared)} folders are in training and in the gallery, the first {min(shared)}"
        notes.append(Fault(f"{tree.dataset}: {folders}: results mislead"))
    return relabel(items), notes


def _photos(tree: Tree) -> tuple[dict[str, list[Media]], dict[str, int], list[str]]:
    """Path -> captions of the photos in the order of the annotations, folder -> identity, and notes."""
    file = tree.path(TRAIN)
    names = Names(r"vis/[^/]+/[^/]+\.(?:jpe?g|png|bmp)", f"{tree.dataset} annotated photos", "vis/0001/<...>.jpg")
    absences = Absences(tree, tree.relative(file))
    photos: dict[str, list[Media]] = {}
    owner: dict[str, int] = {}
    repeated = 0
    for record in read_photos(tree, file, caption_key="caption"):
        inside = os.path.relpath(record.path, tree.base).replace(os.sep, "/")
        if names.match(inside, inside) is None:
            continue
        absences.see(record.path)
        folder, (caption,) = _folder(record.path), record.captions
        if owner.setdefault(folder, record.pid) != record.pid:
            raise DatasetError(
                f"{file}: record {record.number}: folder vis/{folder} is of person {record.pid}, but of "
                f"{owner[folder]} before. Correct the file."
            )
        captions = photos.setdefault(record.path, [])
        if any(caption == media.caption for media in captions):
            repeated += 1
        elif caption:
            captions.append(Media(f"{file}#{record.number}", Modality.TEXT, caption))
    absences.raise_if_any(tolerable=True)
    notes = names.notes()
    if repeated:
        notes.append(f"{tree.dataset}: {repeated} repeated records of {TRAIN} count once")
    return photos, owner, notes


def _folder(path: str) -> str:
    """``.../vis/0001/x.jpg`` -> ``0001``."""
    return os.path.basename(os.path.dirname(path))
