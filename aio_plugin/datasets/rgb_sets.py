"""What the sets of RGB photos share: where they lie, walking their folders, counting them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from ..errors import DatasetError, ProtocolError
from ..modality import Item
from ..protocols.base import Protocol
from .base import MakeProtocol, Options
from .files import IMAGE_SUFFIXES, Tree
from .lists import Names


def folder_of(root: str, folders: Sequence[str], within: Sequence[str] = ("",)) -> str:
    """The first of the names a dataset's folder goes by that is there; the first of all if none is.

    Args:
        within: folders, one of which it must have to be taken for the dataset's.
    """
    base = os.path.expanduser(root)
    return next(
        (name for name in folders if any(os.path.isdir(os.path.join(base, name, part)) for part in within)), folders[0]
    )


def walk(tree: Tree, top: str, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> Iterator[tuple[str, str]]:
    """(folder, name) of all images below a folder, ``folder`` relative to the dataset's, in sorted order.

    A folder that links lead to a second time is passed over.
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


def pids(items: Sequence[Item]) -> set[int]:
    """The identities of items."""
    return {item.pid for item in items}


def search_counts(query: Sequence[Item], gallery: Sequence[Item]) -> dict[str, int]:
    """Identities and images of a test split, to compare with the published ones."""
    return {
        "query images": len(query),
        "query ids": len(pids(query)),
        "gallery images": len(gallery),
        "gallery ids": len(pids(gallery)),
    }


def unanswered(dataset: str, query: Sequence[Item], gallery: Sequence[Item]) -> list[str]:
    """A note if persons are searched for who are not in the gallery."""
    alone = pids(query) - pids(gallery)
    if not alone:
        return []
    return [
        f"{dataset}: {len(alone)} query persons are not in the gallery, the first {min(alone)}; their queries "
        f"count in no metric"
    ]


def check_apart(dataset: str, train: set[int], test: set[int]) -> None:
    """Check that nobody is trained on and tested with.

    Raises:
        DatasetError: somebody is; names the first.
    """
    shared = train & test
    if shared:
        raise DatasetError(
            f"{dataset}: {len(shared)} persons are in train and test, the first {min(shared)}. Restore the published "
            f"files."
        )


def training_only(dataset: str) -> MakeProtocol:
    """The protocol of a dataset without a test split, which raises ProtocolError."""

    def protocol(root: str, options: Options, query: object = None) -> Protocol:
        raise ProtocolError(f"{dataset} is for training only; use it in data.sources, not in data.targets.")

    return protocol
