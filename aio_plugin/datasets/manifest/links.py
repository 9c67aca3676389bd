"""Checks rows of a manifest against each other: repeated images, sources, groups."""

from __future__ import annotations

from collections.abc import Sequence

from ...modality import Modality
from .rows import ManifestRow, RowProblems

OF_TEST = ("query", "gallery")


def check_links(rows: Sequence[ManifestRow], problems: RowProblems) -> None:
    """Add a problem for every row that contradicts another.

    An image occurs once in a split; in query it may be a part of several groups. It shows one person in one
    modality, and is not both in train and in a test split.
    """
    _check_images(rows, problems)
    _check_sources(rows, problems)
    _check_groups(rows, problems)


def grouped(rows: Sequence[ManifestRow]) -> list[list[ManifestRow]]:
    """The rows of each group together, other rows alone, in the order of the file."""
    groups: dict[str | int, list[ManifestRow]] = {}
    for row in rows:
        groups.setdefault(row.group or row.line, []).append(row)
    return list(groups.values())


def _check_images(rows: Sequence[ManifestRow], problems: RowProblems) -> None:
    first: dict[str, ManifestRow] = {}
    placed: dict[tuple[str, str, str], ManifestRow] = {}
    for row in rows:
        if not row.path:
            continue
        other = first.setdefault(row.path, row)
        twin = placed.setdefault((row.path, row.split, row.group if row.split == "query" else ""), row)
        if (other.pid, other.modality) != (row.pid, row.modality):
            problems.add(row.line, f"the image of line {other.line} has another pid or modality there.")
        elif (other.split == "train") != (row.split == "train"):
            problems.add(row.line, f"the image of line {other.line}; it cannot be in train and in query or gallery.")
        elif twin is not row:
            problems.add(row.line, f"repeats the image of line {twin.line}; remove one.")


def _check_sources(rows: Sequence[ManifestRow], problems: RowProblems) -> None:
    photos = {
        (row.path, row.split): row
        for row in rows
        if row.path and (row.modality is Modality.RGB or row.split in OF_TEST)
    }
    for row in rows:
        if not row.source:
            continue
        wanted = "gallery" if row.split == "query" else row.split
        photo = photos.get((row.source, wanted))
        if row.split == "gallery":
            problems.add(row.line, "'source' has no meaning in gallery; leave it empty.")
        elif row.split == "train" and row.modality is Modality.RGB:
            problems.add(row.line, "an rgb image has no 'source' in train; leave it empty.")
        elif photo is None:
            kind = "an rgb" if wanted == "train" else "a"
            problems.add(row.line, f"'source' is not the path of {kind} row in {wanted}.")
        elif photo.pid != row.pid:
            problems.add(row.line, f"'source' is in line {photo.line}, of pid {photo.pid!r}, not {row.pid!r}.")


def _check_groups(rows: Sequence[ManifestRow], problems: RowProblems) -> None:
    for row in rows:
        if row.group and row.split == "train":
            problems.add(row.line, "'group' joins queries or gallery entries; in train use 'source'.")
    for split in OF_TEST:
        for first, *others in grouped([row for row in rows if row.split == split]):
            kinds = {first.modality}
            for row in others:
                if row.pid != first.pid:
                    problems.add(row.line, f"group {row.group!r} begins in line {first.line} with another pid.")
                elif row.modality in kinds:
                    problems.add(row.line, f"group {row.group!r} has a second part of modality {row.modality}.")
                elif row.source and first.source and row.source != first.source:
                    problems.add(row.line, f"group {row.group!r} begins in line {first.line} with another source.")
                kinds.add(row.modality)
