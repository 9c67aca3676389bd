"""What lies directly in the data root: datasets, parts of them, torchreid's own, manifests, and what is not known."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..datasets import Adapter, all_adapters
from ..datasets.manifest import adapter as manifest
from ..datasets.manifest.rows import READERS, names_columns
from ..datasets.reading.layouts import Tree, is_junk, leads_out
from ..datasets.toy_facts import FACTS_FILE, read_toy_facts
from ..errors import DatasetError, HostError, printable
from ..host.torchreid_import import dataset_folders
from .dataset_check import check_folder, top_folders
from .report import Section

SHOWN = 20
"""Names of what is not known that are printed."""


class _Manifest(NamedTuple):
    """A manifest by its folder below the data root, ``.`` for the root itself, and its name."""

    folder: str
    file: str


def check_data_root(root: str, fast: bool) -> Iterator[Section]:
    """The section of the data root, which accounts for all that lies in it, and one for each dataset.

    Args:
        fast: do not open images.
    """
    section = Section(f"data root {root}")
    toy = _add_toy_world(section, root)
    folders = _dataset_folders(root)
    there = sorted(name for name in os.listdir(root) if not is_junk(name))
    known = {name.split("/")[0] for name in folders} | ({FACTS_FILE} if toy else set())
    for name, datasets in _torchreid_folders().items():
        if name in there and name not in known:
            section.facts.append(f"{name}: torchreid's own {', '.join(datasets)}, not checked")
            known.add(name)
    manifests = list(_manifests(root, [name for name in there if name not in known - {manifest.FOLDER}]))
    for each in manifests:
        name = each.file if each.folder == "." else f"{each.folder}/{each.file}"
        options = f"folder: {each.folder}, file: {each.file}"
        section.facts.append(f"{name}: a manifest; to read it, set aio.datasets.manifest to {{{options}}}")
        known.add(name.split("/")[0])
    if any(each.folder == manifest.FOLDER for each in manifests):
        folders.pop(manifest.FOLDER, None)  # the manifest there has another name
    known.update(_parts_beside(section, root, folders))
    unknown = [printable(name, lines=False) for name in there if name not in known]
    if unknown:
        more = f", and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
        section.facts.append(f"not known: {', '.join(unknown[:SHOWN])}{more}")
    if len(known) == toy:
        names = ", ".join(sorted({adapter.folder for adapter in all_adapters().values() if adapter.folder}))
        section.problems.append(f"no dataset is here; --root must contain one or more of the folders {names}")
    section.problems += _misspelt_folders(there, folders)
    yield section
    for folder, adapters in folders.items():
        yield check_folder(folder, adapters, root, check_counts=not toy, fast=fast)
    for each in manifests:
        if each.folder != ".":
            survey = ({"folder": each.folder, "file": each.file},)
            own = replace(manifest.ADAPTER, folder=each.folder, survey=survey)
            yield check_folder(each.folder, [own], root, check_counts=False, fast=fast)


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


def _misspelt_folders(there: Sequence[str], present: Mapping[str, Sequence[Adapter]]) -> Iterator[str]:
    """A problem for every folder whose name differs from a dataset's in upper and lower case alone."""
    adapters = all_adapters().values()
    usual_names = {adapter.folder.lower(): adapter.folder for adapter in adapters}
    accepted = {name for adapter in adapters for name in _accepted_names(adapter)}
    for name in there:
        usual = usual_names.get(name.lower(), name)
        if name not in accepted and usual not in there and usual not in present:
            yield f"the folder {name} must be called {usual}; rename it"


def _torchreid_folders() -> dict[str, list[str]]:
    try:
        return dataset_folders()
    except HostError:  # the section on packages tells it
        return {}


def _manifests(root: str, names: Sequence[str]) -> Iterator[_Manifest]:
    """The manifests in the data root and in those of its folders, but the one that is read without options."""
    for folder in (".", *names):
        tree = Tree(manifest.NAME, root, folder, ())
        if os.path.isdir(tree.base) and leads_out(tree.base, (os.path.realpath(root),)) is None:
            for file in sorted(entry.name for entry in os.scandir(tree.base) if entry.is_file(follow_symlinks=False)):
                usual = (folder, file) == (manifest.FOLDER, manifest.FILE)
                if file.endswith(tuple(READERS)) and not usual and names_columns(tree.path(file)):
                    yield _Manifest(folder, file)


def _parts_beside(section: Section, root: str, folders: Container[str]) -> Iterator[str]:
    """Names in the data root that hold parts of datasets; adds a fact on those whose dataset is not there."""
    for adapter in all_adapters().values():
        for path in top_folders(adapter.beside):
            if os.path.isdir(os.path.join(root, path)):
                yield path.split("/")[0]
                if adapter.folder not in folders:
                    section.facts.append(f"{path}: for {adapter.name}, whose folder {adapter.folder} is not here")
