"""``doctor``: checks the installation and the datasets below the data root."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence

from ..datasets import Adapter, all_adapters
from ..datasets.toy_facts import read_toy_facts
from ..errors import DatasetError
from . import installation
from .dataset_check import check_folder
from .report import Section


def run_doctor(args: argparse.Namespace) -> int:
    """Print the report; the exit code is 1 if there is a problem.

    Raises:
        DatasetError: ``--root`` is not a folder.
    """
    root = os.path.expanduser(args.root) if args.root is not None else None
    if root is not None and not os.path.isdir(root):
        raise DatasetError(f"There is no folder {root}; give --root the folder that contains the datasets' folders.")
    problems = 0
    for section in examine(root, args.fast):
        print(f"{section}\n", flush=True)
        problems += len(section.problems)
    print(conclusion(problems))
    return 1 if problems else 0


def examine(root: str | None, fast: bool = False) -> Iterator[Section]:
    """The sections of the report: packages, encoders, plugins, the data root and each dataset folder in it.

    Args:
        root: the data root; None examines no datasets.
        fast: do not open images.
    """
    yield installation.packages()
    yield installation.encoders()
    yield from installation.plugins()
    if root is not None:
        yield from _datasets(root, fast)


def conclusion(problems: int) -> str:
    """The last line of the report."""
    return f"{problems} problem{'' if problems == 1 else 's'}." if problems else "No problems."


def _datasets(root: str, fast: bool) -> Iterator[Section]:
    section = Section(f"data root {root}")
    toy = _add_toy_world(section, root)
    folders = _dataset_folders(root)
    if not folders:
        known = ", ".join(sorted({adapter.folder for adapter in all_adapters().values() if adapter.folder}))
        section.problems.append(f"no dataset is here; --root must contain one or more of the folders {known}")
    section.problems += _misspelt_folders(root, folders)
    yield section
    for folder, adapters in folders.items():
        yield check_folder(folder, adapters, root, check_counts=not toy, fast=fast)


def _add_toy_world(section: Section, root: str) -> bool:
    """Whether the data root is a toy world, whose counts are not the published ones; adds how it was made."""
    try:
        facts = read_toy_facts(root)
    except DatasetError as error:
        section.problems.append(str(error))
        return True
    if facts is None:
        return False
    settings = ", ".join(f"{key} {value}" for key, value in facts.items())
    section.facts.append(f"a toy world ({settings}): its counts differ from the published ones, as expected")
    return True


def _dataset_folders(root: str) -> dict[str, list[Adapter]]:
    """Dataset folders below the data root, with the adapters that read them."""
    folders: dict[str, list[Adapter]] = {}
    for adapter in all_adapters().values():
        for name in _accepted_names(adapter) if adapter.survey else ():
            if os.path.isdir(os.path.join(root, name)):
                folders.setdefault(name, []).append(adapter)
    return {name: adapters for name, adapters in folders.items() if os.path.dirname(name) not in folders}


def _accepted_names(adapter: Adapter) -> Sequence[str]:
    """Names that the dataset's folder can have, the usual one first."""
    return [name for name in adapter.folders or (adapter.folder,) if name]


def _misspelt_folders(root: str, present: dict[str, list[Adapter]]) -> Iterator[str]:
    """A problem for every folder whose name differs from a dataset's in upper and lower case alone."""
    adapters = all_adapters().values()
    usual_names = {adapter.folder.lower(): adapter.folder for adapter in adapters}
    names = set(os.listdir(root))
    for name in sorted(names - {name for adapter in adapters for name in _accepted_names(adapter)}):
        usual = usual_names.get(name.lower(), name)
        if usual not in names and usual not in present:
            yield f"the folder {name} must be called {usual}; rename it"
