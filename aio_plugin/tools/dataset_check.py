"""Checks a dataset's folder: what its adapters read from it, and which other files it has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch

from ..datasets import Adapter, Options, Splits
from ..datasets.reading import checks
from ..datasets.storage.lmdb_images import MARK
from ..errors import AIOError, IncompleteError, OtherFormError, printable
from ..modality import Combination, Item, Media, Modality, in_order
from .folder_contents import FolderContents, unreadable_images
from .report import Counts, Section, counts_table, differing_counts, with_first

UNUSED = "images that no split uses"
DISTRACTOR = 0
"""Market-1501's identity of people who are not searched for; junk boxes have a lower one."""


def modality_gaps(split: str, items: Iterable[Item]) -> list[str]:
    """For every modality of a split, how many identities have no media in it, and a file of the first.

    Args:
        split: for messages.
    """
    seen: dict[int, set[Modality]] = {}
    first_file: dict[int, str] = {}
    for item in items:
        first_file.setdefault(item.pid, str(item.media))
        seen.setdefault(item.pid, set()).update(item.media.combination)
    gaps = []
    for modality in in_order(set().union(*seen.values())):
        lacking = sorted(pid for pid, modalities in seen.items() if modality not in modalities)
        if lacking:
            gaps.append(
                f"{len(lacking):,} of {len(seen):,} {split} identities have no {modality}; the first is that of "
                f"{first_file[lacking[0]]}"
            )
    return gaps


class AdapterReport:
    """What an adapter reads below the data root, with every combination of queries under all options of its survey.

    Attributes:
        used: paths of the images that some split uses; as Media where a modality has one channel.
        incomplete: why forms that a copy must have cannot be read.
        other_forms: options of a form that a copy need not have and this one has not -> why it cannot be read.
        malformed: whether something is there and cannot be read.
        was_read: whether some form could be read.
    """

    def __init__(self, adapter: Adapter, root: str) -> None:
        self.adapter = adapter
        self.counts: Counts = {}
        self.notes: list[str] = []
        self.problems: list[str] = []
        self.used: set[str] = set()
        self.incomplete: list[str] = []
        self.other_forms: dict[str, str] = {}
        self.malformed = self.was_read = False
        for options in adapter.survey:
            tested: list[Item] = []
            complete = False
            for query in adapter.surveyed or adapter.queries or (None,):
                splits = self._read(root, options, query)
                if splits is None:
                    continue
                self._add(splits, options)
                tested += (item for item in (*splits.query, *splits.gallery) if item.pid > DISTRACTOR)
                complete = bool(splits.published)
                self.problems += with_first(
                    "identities searched for that are not in the gallery", [str(pid) for pid in _unmatched(splits)]
                )
            self._add_gaps("test", tested, complete)

    @property
    def absent(self) -> bool:
        """Whether the dataset is not there in any form."""
        return not self.was_read and not self.malformed

    @property
    def whole(self) -> bool:
        """Whether everything that is there was read."""
        return self.absent or not (self.malformed or self.incomplete)

    def add_to(self, section: Section, present: int, check_counts: bool) -> None:
        """Add facts and problems to the section of the folder, in which so many datasets are present."""
        name = self.adapter.name
        if self.absent and present:
            section.facts.append(f"{name}: not present (parts are missing)")
        else:
            section.problems += self.incomplete[:1] or (self.other_forms.values() if self.absent else ())
            section.facts += (f"{name} ({form}): not present, not required" for form in self.other_forms)
        if self.counts:
            section.facts.append(f"{name}:\n" * (present > 1) + counts_table(self.counts))
        section.facts += (f"note: {printable(note, lines=False)}" for note in self.notes)
        section.problems += (problem.removeprefix(f"{name}: ") for problem in self.problems)
        if check_counts:
            section.problems += (f"{name}: {problem}" for problem in differing_counts(self.counts))

    def _read(self, root: str, options: Options, query: Combination | None) -> Splits | None:
        try:
            with checks.tolerating_absences() as absences:
                splits = self.adapter.read(root, options, query)
            self.problems += absences
            return splits
        except OtherFormError as error:
            self.other_forms[_form(options)] = str(error)
        except IncompleteError as error:
            self.incomplete.append(str(error))
        except AIOError as error:
            self.malformed = True
            self.problems.append(str(error))
        return None

    def _add(self, splits: Splits, options: Options) -> None:
        self.was_read = True
        for what, number in splits.found.items():
            count = number, splits.published.get(what)
            differs = self.counts.get(what, count) != count
            self.counts[f"{what} ({_form(options)})" if differs else what] = count
        comparison = checks.compare(self.adapter.name, splits.found, splits.published)
        known = {_without_numbers(note) for note in self.notes}
        for note in splits.notes:
            if isinstance(note, checks.Fault):
                self.problems.append(printable(note, lines=False))
            elif note not in comparison and _without_numbers(note) not in known:
                self.notes.append(note)
        for items in (splits.train, splits.query, splits.gallery):
            images = (part for item in items for part in item.media.parts if part.modality.is_image)
            self.used.update(Media(i, i.modality) if i.modality.channels == 1 else str(i) for i in images)
        self._add_gaps("training", splits.train, bool(splits.published))

    def _add_gaps(self, split: str, items: Iterable[Item], complete: bool) -> None:
        """Lacking modalities are a problem where published counts say that everybody has all of them."""
        (self.problems if complete else self.notes).extend(modality_gaps(split, items))


def check_folder(folder: str, adapters: Sequence[Adapter], root: str, check_counts: bool, fast: bool) -> Section:
    """The section of one folder, which several datasets can share.

    Args:
        folder: relative to ``root``.
        check_counts: whether counts must be the published ones.
        fast: do not open images.
    """
    section = Section(f"{folder} ({', '.join(adapter.name for adapter in adapters)})")
    with checks.inspection():
        reports = [AdapterReport(adapter, root) for adapter in adapters]
    present = sum(not report.absent for report in reports)
    for report in reports:
        report.add_to(section, present, check_counts)
    base = os.path.join(root, *folder.split("/"))
    contents = FolderContents(base, root)
    for path in top_folders(path for adapter in adapters for path in adapter.beside):
        if os.path.isdir(place := os.path.join(root, *path.split("/"))):
            contents.add(place)
    spare = [pattern for adapter in adapters for pattern in adapter.spare]
    empty_folders = [path for path in contents.empty_folders if not _matches(path, base, spare)]
    for kind, paths in {"empty folders": empty_folders, **contents.problems}.items():
        section.problems += with_first(kind, paths)
    if present and all(report.whole for report in reports):
        used = set().union(*(report.used for report in reports))
        unused = [path for path in contents.images if path not in used and not _matches(path, base, spare)]
        left_out = [pattern for adapter in adapters if adapter.find_spare for pattern in adapter.find_spare(root)]
        unlisted = {path for path in unused if _matches(path, base, left_out)} if left_out else set()
        section.facts += with_first("images that the dataset's own lists leave out", sorted(unlisted))
        owners = " or ".join(report.adapter.name for report in reports if report.absent)
        read_parts = {_part(path, base) for path in used} if owners and unused else set()
        stray = [path for path in unused if path not in unlisted and (not owners or _part(path, base) in read_parts)]
        others = sorted({*unused} - unlisted - {*stray})
        section.facts += (f"{line} (they may belong to {owners})" for line in with_first(UNUSED, others))
        section.problems += with_first(UNUSED, stray)
    else:
        section.facts.append("unused images: unknown until the dataset can be read")
    if not fast:
        inside = sorted(path for report in reports for path in report.used if MARK in path)
        media = {str(path): path for report in reports for path in report.used if isinstance(path, Media)}
        images = [media.get(path, path) for path in (*contents.images, *inside)]
        section.problems += with_first("images that cannot be read", list(unreadable_images(images, folder)))
    return Section(section.title, list(dict.fromkeys(section.facts)), list(dict.fromkeys(section.problems)))


def _form(options: Options) -> str:
    return ", ".join(f"{key}: {value}" for key, value in options.items())


def _without_numbers(note: str) -> str:
    """Notes of ten trials that differ in numbers alone are shown once."""
    return re.sub(r"\d+", "", note)


def _unmatched(splits: Splits) -> list[int]:
    """Query identities that are not in the gallery; none where lacking modalities explain it, which are reported."""
    sides = (splits.query, splits.gallery)
    query, gallery = ({part.modality for item in side for part in item.media.parts} for side in sides)
    if not gallery <= query:
        return []
    return sorted({item.pid for item in splits.query} - {item.pid for item in splits.gallery})


def top_folders(paths: Iterable[str]) -> list[str]:
    """The paths, each once, that are not below another."""
    known = dict.fromkeys(paths)
    return [path for path in known if not any(path.startswith(f"{other}/") for other in known)]


def _part(path: str, base: str) -> str:
    """The folder directly in a dataset's folder that a path is in."""
    return path[len(base) + 1 :].partition(os.sep)[0]


def _matches(path: str, base: str, patterns: Sequence[str]) -> bool:
    relative = os.path.relpath(path, base).replace(os.sep, "/")
    return any(fnmatch(relative, pattern) for pattern in patterns)
