"""``doctor``: is everything here that a run needs, and is it whole?"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence

from ..datasets import Adapter, all_adapters
from ..errors import DatasetError
from . import inspection, installation
from .findings import Block

TOY_MANIFEST = "toy.json"


def examine(root: str | None, fast: bool = False) -> Iterator[Block]:
    """One block after the other: packages, encoders, and every dataset found below the data root.

    Args:
        root: the data root; None looks at no datasets.
        fast: read the names of images, but open none.

    Raises:
        DatasetError: ``root`` is no folder.
    """
    if root is not None and not os.path.isdir(os.path.expanduser(root)):
        raise DatasetError(f"There is no folder {root}; give --root the folder that contains the datasets' folders.")
    yield installation.packages()
    yield installation.encoders()
    if root is not None:
        yield from _datasets(os.path.expanduser(root), fast)


def conclusion(problems: int) -> str:
    """The last line."""
    return f"{problems} problem{'' if problems == 1 else 's'}." if problems else "No problems."


def _datasets(root: str, fast: bool) -> Iterator[Block]:
    block, toy = _world(root)
    folders = _folders(root)
    if not folders:
        known = sorted({adapter.folder for adapter in all_adapters().values() if adapter.folder})
        block.blame([f"no dataset is here; --root must contain one or more of the folders {', '.join(known)}"])
    block.blame(_misspelt(root, folders))
    yield block
    for folder, adapters in folders.items():
        yield inspection.inspect(folder, adapters, root, toy, fast)


def _world(root: str) -> tuple[Block, bool]:
    """The block of the data root itself, and whether it is a toy world, whose counts are its own."""
    block = Block(f"data root {root}")
    manifest = os.path.join(root, TOY_MANIFEST)
    if not os.path.isfile(manifest):
        return block, False
    try:
        with open(manifest, encoding="utf-8") as file:
            made = json.load(file)
        made = ", ".join(f"{key} {value}" for key, value in made.items())
        block.tell([f"a toy world ({made}): its counts differ from the published ones, as they should"])
    except (OSError, ValueError, AttributeError) as error:
        block.blame([f"{manifest} cannot be read ({error}). Delete the toy world and make it again."])
    return block, True


def _folders(root: str) -> dict[str, list[Adapter]]:
    """Folders of datasets that are there -> the adapters that read them."""
    found: dict[str, list[Adapter]] = {}
    for adapter in all_adapters().values():
        for name in _names(adapter) if adapter.survey else ():
            if os.path.isdir(os.path.join(root, name)):
                found.setdefault(name, []).append(adapter)
    return {name: adapters for name, adapters in found.items() if os.path.dirname(name) not in found}


def _names(adapter: Adapter) -> Sequence[str]:
    """What the dataset's folder can be called, the usual name first; nothing if it has none."""
    return [name for name in adapter.folders or (adapter.folder,) if name]


def _misspelt(root: str, found: dict[str, list[Adapter]]) -> Iterator[str]:
    """Folders that have a dataset's name but for capitals."""
    accepted = {name for adapter in all_adapters().values() for name in _names(adapter)}
    wanted = {adapter.folder.lower(): adapter.folder for adapter in all_adapters().values()}
    present = set(os.listdir(root))
    for name in sorted(present - accepted):
        right = wanted.get(name.lower(), name)
        if right not in present and right not in found:
            yield f"the folder {name} must be called {right}; rename it"
