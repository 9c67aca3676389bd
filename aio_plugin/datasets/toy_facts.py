"""What a toy world was made from, and what its folder holds: whatever reuses one compares these."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ..errors import DatasetError
from ..outside_files import file_sha256, read_json
from .reading.pku_splits import SAVED_FOLDER

FACTS_FILE = "toy.json"
FACTS = {"ids": int, "seed": int, "sets": str, "version": int}
_LONGEST = 4096

ToyFacts = dict[str, int | str]
"""Number of persons, random seed, which datasets, and version of the drawing."""


def read_toy_facts(root: str | Path) -> ToyFacts | None:
    """The facts of the toy world in ``root``; None if it is not one.

    Raises:
        DatasetError: ``toy.json`` is damaged; names it.
    """
    path = Path(root, FACTS_FILE)
    if not os.path.isfile(path):
        return None
    try:
        facts = read_json(path, _LONGEST)
        if not isinstance(facts, dict) or {key: type(value) for key, value in facts.items()} != FACTS:
            raise ValueError(f"it must hold {', '.join(FACTS)} and nothing else")
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is damaged ({error}). Delete the toy world {root} and make it again.") from error
    return facts


def contents_digest(root: str | Path) -> str:
    """A sha256 over names and contents of a toy world's files, but for those that using it adds."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != SAVED_FOLDER)
        for name in sorted(name for name in files if not name.startswith(".") and name != FACTS_FILE):
            path = Path(folder, name)
            content = file_sha256(path) if path.is_file() else "not a file"
            digest.update(f"{path.relative_to(root).as_posix()}\0{content}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
