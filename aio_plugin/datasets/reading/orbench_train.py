"""ORBench's ``train_annos.json``: captioned RGB photos, and the other modalities of the same people.

The images of the other modalities are not listed. They are in folders of the same name, which need not
be the ``id`` of the annotations: the folder says which images belong together, the ``id`` whose they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ...errors import DatasetError
from ...modality import Item, Media, Modality
from ..base import relabel
from .annotations import identity, read_objects, string
from .captioned import OTHER_CAMERA, PHOTO_CAMERA
from .checks import Absences, Fault, missing_modalities
from .layouts import Tree
from .lists import Names
from .orbench_lists import FOLDERS

TRAIN = "train_annos.json"
DRAWN = tuple(modality for modality in FOLDERS if modality is not Modality.RGB)


class _Photo(NamedTuple):
    pid: int
    folder: str
    captions: list[Media]


def read_train(tree: Tree, gallery: Sequence[Item]) -> tuple[list[Item], list[str]]:
    """The training items, and notes on what is left out or missing.

    Args:
        gallery: of the test split, to see whether people are in both.

    Raises:
        DatasetError: malformed annotations, absent images, or a folder with two identities.
    """
    photos, notes = _photos(tree)
    folders = {photo.folder: photo.pid for photo in photos.values()}
    items = [Item(Media(path, partners=p.captions), p.pid, PHOTO_CAMERA) for path, p in photos.items()]
    partners = list(_partners(tree, folders))
    notes += missing_modalities(tree.dataset, "training", [*items, *partners], DRAWN)
    shared = sorted(set(folders) & {_folder(item.media) for item in gallery})
    if shared:
        notes.append(
            Fault(
                f"{tree.dataset}: {len(shared)} folders are in training and in the gallery, the first {shared[0]}: "
                f"results mislead"
            )
        )
    return relabel([*items, *partners]), notes


def _photos(tree: Tree) -> tuple[dict[str, _Photo], list[str]]:
    """Path -> photo, in the order of the annotations; records of one photo add their captions to it."""
    file = tree.path(TRAIN)
    names = Names(r"vis/[^/]+/[^/]+\.(?:jpe?g|png|bmp)", f"{tree.dataset} annotated photos", "vis/0001/<...>.jpg")
    absences = Absences(tree, tree.relative(file))
    photos: dict[str, _Photo] = {}
    owner: dict[str, int] = {}
    repeated = 0
    for number, record in read_objects(file):
        where = f"{file}: record {number}"
        pid, listed = identity(record, "id", where), string(record, "file_path", where)
        caption = string(record, "caption", where).strip()
        path = tree.listed(listed, f"{where}, 'file_path'")
        if names.match(os.path.relpath(path, tree.base).replace(os.sep, "/"), listed) is None:
            continue
        absences.see(path)
        if owner.setdefault(_folder(path), pid) != pid:
            raise DatasetError(
                f"{where}: folder vis/{_folder(path)} is of person {pid}, but of {owner[_folder(path)]} before. "
                f"Correct the file."
            )
        captions = photos.setdefault(path, _Photo(pid, _folder(path), [])).captions
        if any(caption == media.caption for media in captions):
            repeated += 1
        elif caption:
            captions.append(Media(f"{file}#{number}", Modality.TEXT, caption))
    absences.raise_if_any(tolerable=True)
    notes = names.notes()
    if repeated:
        notes.append(f"{tree.dataset}: {repeated} repeated records of {TRAIN} count once")
    return photos, notes


def _partners(tree: Tree, folders: Mapping[str, int]) -> Iterator[Item]:
    for folder, pid in sorted(folders.items()):
        for modality in DRAWN:
            for name in tree.files(f"{FOLDERS[modality]}/{folder}"):
                yield Item(Media(tree.path(f"{FOLDERS[modality]}/{folder}/{name}"), modality), pid, OTHER_CAMERA)


def _folder(path: str) -> str:
    """``.../vis/0001/x.jpg`` -> ``0001``."""
    return os.path.basename(os.path.dirname(path))
