"""The annotation file of a dataset whose authors do not say what it is called."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import DatasetError, IncompleteError
from .layouts import Tree
from .options import Option


def option(name: str = "annotations", suffixes: Sequence[str] = (".json",)) -> Option:
    """The option that names the file."""
    about = f"the file of the {name}, relative to the dataset's folder; '' takes the only {' or '.join(suffixes)} there"
    return Option(name, "", about)


def find(tree: Tree, option: Option, given: str, suffixes: Sequence[str] = (".json",)) -> str:
    """Where the file lies on disk: the given one, else the only one with such a suffix in the dataset's folder.

    Args:
        given: the value of ``option``, a path relative to the dataset's folder, or "".

    Raises:
        DatasetError: it is absent or leads out of the data root, none was given and there is not exactly one.
    """
    key = f"aio.datasets.{tree.dataset}.{option.name}"
    if given:
        path = tree.listed(given, key)
        if not tree.exists(path):
            raise IncompleteError(f"{tree.dataset}: {path}, which {key} names, is absent or empty. Correct the name.")
        return path
    names = tree.files(".", suffixes)
    if not names:
        raise IncompleteError(
            f"{tree.dataset}: there is no file of the {option.name} in {tree.base} ({' or '.join(suffixes)}). Put it "
            f"there, or name it in {key}."
        )
    if len(names) > 1:
        raise DatasetError(
            f"{tree.dataset}: any of {', '.join(names)} in {tree.base} could hold the {option.name}. Name the one "
            f"that does in {key}."
        )
    return tree.path(names[0])
