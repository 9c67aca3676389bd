"""Items of the images in a folder, or of those that a list names, whose names tell person and camera."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ...errors import DatasetError
from ...modality import Item, Media, Modality
from .checks import Absences
from .layouts import Tree
from .lists import Names, read_labelled


def image_item(path: str, match: re.Match[str], modality: Modality = Modality.RGB) -> Item:
    """The item of an image whose name matched a pattern with the groups ``pid`` and ``camera``, counted from 1."""
    return Item(Media(path, modality), int(match["pid"]), int(match["camera"] or 1) - 1)


def folder_items(tree: Tree, folder: str, names: Names, modality: Modality = Modality.RGB) -> list[Item]:
    """The items of the images in a folder whose names match, sorted by name."""
    return [image_item(tree.path(path), match, modality) for path, match in names.in_folder(tree, folder)]


def listed_items(
    tree: Tree,
    files: Sequence[str],
    names: Names,
    item: Callable[[str, re.Match[str], int, str], Item],
    notes: list[str],
    below: str = "",
    reencoded: bool = False,
) -> list[Item]:
    """The items of the images in one or more lists with lines 'path label', sorted by path, each once.

    Args:
        files: the lists, relative to the dataset's folder.
        names: matches the listed paths; those that do not match are left out.
        item: ``(path on disk, match, label, file and line) -> item``.
        notes: gets a note on repeated lines.
        below: the folder in the dataset's folder that listed paths are relative to.
        reencoded: whether images may have another suffix than the list says.

    Raises:
        DatasetError: a list is missing, malformed or empty, or images are absent.
    """
    items: dict[str, Item] = {}
    lines = 0
    for file in files:
        absences = Absences(tree, tree.relative(tree.path(file)), below)
        for number, listed, label in read_labelled(tree.path(file)):
            path = tree.listed(listed, f"{tree.path(file)}, line {number}", below)
            path = tree.reencoded(path) if reencoded else path
            match = names.match(listed.replace("\\", "/"), f"{file}: {listed}")
            if match:
                absences.see(path)
                lines += 1
                items[path] = item(path, match, label, f"{file}, line {number}")
        absences.raise_if_any(tolerable=True)
    if not items:
        names.notes()  # raises if there are lines and no name matches
        raise DatasetError(f"{tree.dataset}: {' and '.join(files)} lists no images. Restore the list.")
    if lines > len(items):
        notes.append(f"{tree.dataset}: {lines - len(items)} repeated lines of {' and '.join(files)} count once")
    return [items[path] for path in sorted(items)]
