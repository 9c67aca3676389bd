"""Finding the folder of a dataset and the form it is in, walking through its images, and splits of photos."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized

from ...errors import DatasetError, OtherFormError
from ...modality import Item, Modality
from ..base import Splits, relabel
from ..storage.stored_photos import StoredPhotos
from .checks import check_apart, compare, missing_modalities, modality_counts, pids, search_counts, unmatched_queries
from .layouts import IMAGE_SUFFIXES, Tree
from .lists import Names


def folder_of(root: str, folders: Sequence[str], within: Sequence[str] = ("",)) -> str:
    """The first of the names of a dataset's folder that exists; the first of all if none does.

    Args:
        within: folders, one of which it must contain to be the dataset's.
    """
    base = os.path.expanduser(root)
    return next(
        (name for name in folders if any(os.path.isdir(os.path.join(base, name, part)) for part in within)), folders[0]
    )


def walk(tree: Tree, top: str, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> Iterator[tuple[str, str]]:
    """(folder, name) of all images below a folder, ``folder`` relative to the dataset's, in sorted order.

    A folder that links lead to a second time is skipped.
    """
    todo, seen = [top], set()
    while todo:
        folder = todo.pop()
        real = os.path.realpath(tree.path(folder))
        if real in seen:
            continue
        seen.add(real)
        for name in tree.files(folder, suffixes):
            yield folder, name
        todo += [f"{folder}/{name}" for name in reversed(tree.folders(folder))]


def scene_images(
    tree: Tree, top: str, names: Names, camera: Callable[[int, int], int]
) -> Iterator[tuple[str, int, int]]:
    """The images below a folder that are named by person, scene and camera as RandPerson's are.

    Args:
        names: a pattern with the groups ``pid``, ``scene`` and ``camera``.
        camera: ``(scene, camera) -> camid``.

    Yields:
        Path relative to the dataset's folder, raw pid, camid.
    """
    for folder, name in walk(tree, top):
        match = names.match(name, f"{folder}/{name}")
        if match:
            yield f"{folder}/{name}", int(match["pid"]), camera(int(match["scene"]), int(match["camera"]))


def form_of(tree: Tree, option: str, wanted: str, places: Mapping[str, Sequence[str]]) -> str:
    """The first of the places of the form ``wanted`` that is there, for datasets that lie in one of several forms.

    Args:
        tree: the dataset's folder, whose layout has no form that is there if none of ``places`` is.
        option: the option that chooses the form.
        places: form -> files or folders, any of which shows that the dataset has that form.

    Raises:
        IncompleteError: there is no form at all.
        OtherFormError: another form is there; says how to choose it.
    """
    there = {
        form: found for form, paths in places.items() if (found := next((path for path in paths if tree.has(path)), ""))
    }
    if wanted in there:
        return there[wanted]
    if not there:
        tree.require()
    (other, place), *_ = there.items()
    raise OtherFormError(
        f"{tree.dataset}: {tree.base} has the form {other} ({place}), not {wanted}. Set "
        f"aio.datasets.{tree.dataset}.{option}: {other}, or get the other form."
    )


def require_images(tree: Tree, folder: str, images: Sized, remedy: str = "Complete the download") -> None:
    """Raise DatasetError with a remedy if no images were found in a folder of the dataset."""
    if not len(images):
        raise DatasetError(f"{tree.dataset}: there are no images in {tree.path(folder)}. {remedy}.")


def photo_splits(
    dataset: str,
    train: Sequence[Item],
    query: Sequence[Item],
    gallery: Sequence[Item],
    notes: Iterable[str],
    published: Mapping[str, int],
    **counts: int,
) -> Splits:
    """The splits of a dataset of photos, with raw pids, counted and compared with the published numbers.

    Args:
        counts: further ones, after those of the splits.
    """
    counts = {"train ids": len(pids(train)), "train images": len(train), **search_counts(query, gallery), **counts}
    notes = [*notes, *unmatched_queries(dataset, query, gallery), *compare(dataset, counts, published)]
    return Splits(relabel(train), query, gallery, notes, counts, published)


def cross_modal_splits(
    dataset: str,
    train: Mapping[Modality, Sequence[Item]],
    test: Mapping[Modality, Sequence[Item]],
    query: Modality,
    notes: Iterable[str],
    published: Mapping[str, int],
    files: str,
) -> Splits:
    """The splits of a dataset of two modalities, with raw pids, counted and compared with the published numbers.

    Args:
        train, test: modality -> items.
        query: the modality of the queries; the gallery is the other.
        files: what says who is in which split, for messages.

    Raises:
        DatasetError: persons are in train and test.
    """
    trained, tested = ([item for items in split.values() for item in items] for split in (train, test))
    check_apart(dataset, pids(trained), pids(tested), files)
    counts = {**modality_counts("train", trained, train), **modality_counts("test", tested, test)}
    notes = [*notes, *missing_modalities(dataset, "training", trained, train), *compare(dataset, counts, published)]
    (gallery,) = set(test) - {query}
    return Splits(relabel(trained), test[query], test[gallery], notes, counts, published)


def training_splits(dataset: str, photos: StoredPhotos, notes: Iterable[str], published: Mapping[str, int]) -> Splits:
    """The splits of a dataset for training only; cameras are counted where their number is published."""
    counts = {"train ids": photos.persons, "train images": len(photos)}
    if "cameras" in published:
        counts["cameras"] = photos.cameras
    return Splits(photos, notes=[*notes, *compare(dataset, counts, published)], found=counts, published=published)
