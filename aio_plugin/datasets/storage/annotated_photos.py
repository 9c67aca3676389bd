"""Annotation files of millions of captioned photos, read into :class:`StoredPhotos`."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence

import numpy as np

from ..reading.annotations import read_photos
from ..reading.checks import Absences
from ..reading.layouts import Tree
from .stored_photos import PhotoStore, StoredPhotos


def store_photos(tree: Tree, file: str, check_images: bool) -> tuple[StoredPhotos, bool]:
    """The photos of an annotation file with identities, and whether all images were looked for and found.

    Raises:
        DatasetError: bad annotations or, with ``check_images``, absent images.
    """
    absences = Absences(tree, tree.relative(file))
    store = PhotoStore(os.path.join(tree.base, ""))
    for record in read_photos(tree, file):
        if check_images:
            absences.see(record.path)
        store.add(record.path[len(store.prefix) :], record.pid, captions=record.captions)
    complete = check_images and not absences.total
    absences.raise_if_any(tolerable=True)
    return store.photos({file: len(store)}), complete


def store_unidentified_photos(
    tree: Tree, files: Sequence[str], images: str, path_key: str = "file_path", caption_key: str = "captions"
) -> tuple[StoredPhotos, dict[str, int], list[str]]:
    """The photos of annotation files without identities, each a person by itself; the counts of photos and captions;
    and notes on what is left out.

    Args:
        images: the folder that the annotated paths are relative to.
        path_key, caption_key: see :func:`read_photos`.

    Raises:
        DatasetError: bad annotations or absent images.
    """
    absences = Absences(tree, ", ".join(map(tree.relative, files[:3])) + (", ..." if len(files) > 3 else ""))
    store = PhotoStore(os.path.join(tree.base, ""))
    paths, lengths, blank = array("q"), {}, 0
    for file in files:
        before = len(store)
        for record in read_photos(tree, file, images, path_key, caption_key=caption_key, identified=False):
            absences.see(record.path)
            store.add(record.path[len(store.prefix) :], 0, captions=record.captions)
            paths.append(hash(record.path))
            blank += record.captions.count("")
        lengths[file] = len(store) - before
    absences.raise_if_any(tolerable=True)
    kept = np.sort(np.unique(np.asarray(paths), return_index=True)[1])  # the first of each
    photos = store.unidentified_photos(lengths, kept)
    notes = []
    if len(kept) < len(paths):
        notes.append(f"{tree.dataset}: {len(paths) - len(kept)} records of images annotated before are left out")
    if blank:
        notes.append(f"{tree.dataset}: {blank} blank captions are left out")
    return photos, {"train images": len(photos), "train captions": photos.captions}, notes
