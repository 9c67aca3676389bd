"""The rows of a manifest: checked against each other, and made into items."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ...modality import MODALITIES, Combination, Item, Media, Modality, in_order
from ..base import relabel
from .rows import SPLITS, ManifestRow, Problem

TEST_SPLITS = ("query", "gallery")


def of_split(rows: Iterable[ManifestRow], split: str) -> list[ManifestRow]:
    """The rows of a split."""
    return [row for row in rows if row.split == split]


def grouped(rows: Iterable[ManifestRow]) -> list[list[ManifestRow]]:
    """The rows of each group together, other rows alone, in the order of the file."""
    groups: dict[str | int, list[ManifestRow]] = {}
    for row in rows:
        groups.setdefault(row.group or row.line, []).append(row)
    return list(groups.values())


def combinations(rows: Sequence[ManifestRow]) -> tuple[Combination, ...]:
    """The combinations of modalities that queries come in, in the order of the file."""
    return tuple(dict.fromkeys(_combination(parts) for parts in grouped(of_split(rows, "query"))))


def train_items(file: str, rows: Sequence[ManifestRow]) -> list[Item]:
    """The media of the training persons; a row with a source becomes a partner of that image.

    Args:
        file: the manifest, for the names of captions.
    """
    trained = of_split(rows, "train")
    pids, cameras = _pid_numbers(rows), _camera_numbers([[row] for row in trained])
    belonging: dict[str, list[Media]] = {}
    for row in trained:
        if row.source:
            belonging.setdefault(row.source, []).append(_media(file, row))
    return relabel(
        Item(_media(file, row, belonging.get(row.path, ())), pids[row.pid], cameras[_camera([row])])
        for row in trained
        if not row.source
    )


def test_items(file: str, rows: Sequence[ManifestRow], query: Combination | None) -> tuple[list[Item], list[Item]]:
    """Queries of a combination, None for all, and the gallery.

    ``source`` is the position in the gallery of the image that a query was made from or contains, -1 if there is none.
    """
    probes, gallery = (grouped(of_split(rows, split)) for split in ("query", "gallery"))
    pids, cameras = _pid_numbers(rows), _camera_numbers([*probes, *gallery])
    place = {row.path: at for at, parts in enumerate(gallery) for row in parts if row.path}
    wanted = [parts for parts in probes if query is None or _combination(parts) == query]
    return (
        [_item(file, parts, pids, cameras, _source(parts, place)) for parts in wanted],
        [_item(file, parts, pids, cameras, at) for at, parts in enumerate(gallery)],
    )


def counts(rows: Sequence[ManifestRow]) -> dict[str, int]:
    """Identities and media of every split that has rows, by modality."""
    number: dict[str, int] = {}
    for split in SPLITS:
        some = of_split(rows, split)
        if some:
            number[f"{split} ids"] = len({row.pid for row in some})
        for modality in in_order({row.modality for row in some}):
            number[f"{split} {modality}"] = sum(row.modality is modality for row in some)
    return number


def link_problems(rows: Sequence[ManifestRow]) -> Iterator[Problem]:
    """A problem for every row that contradicts another.

    An image occurs once in a split; in query it may be a part of several groups. It shows one person in one
    modality, and is not both in train and in a test split.
    """
    yield from _image_problems(rows)
    yield from _source_problems(rows)
    yield from _group_problems(rows)


def _image_problems(rows: Sequence[ManifestRow]) -> Iterator[Problem]:
    first: dict[str, ManifestRow] = {}
    placed: dict[tuple[str, str, str], ManifestRow] = {}
    for row in rows:
        if not row.path:
            continue
        other = first.setdefault(row.path, row)
        twin = placed.setdefault((row.path, row.split, row.group if row.split == "query" else ""), row)
        if (other.pid, other.modality) != (row.pid, row.modality):
            yield row.line, f"the image of line {other.line} has another pid or modality there."
        elif (other.split == "train") != (row.split == "train"):
            yield row.line, f"the image of line {other.line}; it cannot be in train and in query or gallery."
        elif twin is not row:
            yield row.line, f"repeats the image of line {twin.line}; remove one."


def _source_problems(rows: Sequence[ManifestRow]) -> Iterator[Problem]:
    photos = {
        (row.path, row.split): row
        for row in rows
        if row.path and (row.modality is Modality.RGB or row.split in TEST_SPLITS)
    }
    for row in rows:
        if not row.source:
            continue
        wanted = "gallery" if row.split == "query" else row.split
        photo = photos.get((row.source, wanted))
        if row.split == "gallery":
            yield row.line, "'source' has no meaning in gallery; leave it empty."
        elif row.split == "train" and row.modality is Modality.RGB:
            yield row.line, "an rgb image has no 'source' in train; leave it empty."
        elif photo is None:
            kind = "an rgb" if wanted == "train" else "a"
            yield row.line, f"'source' is not the path of {kind} row in {wanted}."
        elif photo.pid != row.pid:
            yield row.line, f"'source' is in line {photo.line}, of pid {photo.pid!r}, not {row.pid!r}."


def _group_problems(rows: Sequence[ManifestRow]) -> Iterator[Problem]:
    for row in rows:
        if row.group and row.split == "train":
            yield row.line, "'group' joins queries or gallery entries; in train use 'source'."
    for split in TEST_SPLITS:
        for first, *others in grouped(of_split(rows, split)):
            kinds = {first.modality}
            for row in others:
                if row.pid != first.pid:
                    yield row.line, f"group {row.group!r} begins in line {first.line} with another pid."
                elif row.modality in kinds:
                    yield row.line, f"group {row.group!r} has a second part of modality {row.modality}."
                elif row.source and first.source and row.source != first.source:
                    yield row.line, f"group {row.group!r} begins in line {first.line} with another source."
                kinds.add(row.modality)


def _combination(parts: Sequence[ManifestRow]) -> Combination:
    return in_order(row.modality for row in parts)


def _media(file: str, row: ManifestRow, partners: Iterable[Media] = ()) -> Media:
    return Media(row.path or f"{file}#{row.line}", row.modality, row.caption or None, partners)


def _item(
    file: str, parts: Sequence[ManifestRow], pids: dict[str, int], cameras: dict[tuple[int, str, str], int], source: int
) -> Item:
    first, *others = sorted(parts, key=lambda row: row.modality.index)
    media = _media(file, first, [_media(file, row) for row in others])
    return Item(media, pids[first.pid], cameras[_camera(parts)], source)


def _source(parts: Sequence[ManifestRow], place: dict[str, int]) -> int:
    named = [row.source for row in parts if row.source] + [row.path for row in parts]
    return next((place[path] for path in named if path in place), -1)


def _pid_numbers(rows: Sequence[ManifestRow]) -> dict[str, int]:
    """pid -> number: its own if all are whole numbers, else its place in alphabetical order."""
    pids = {row.pid for row in rows}
    if all(re.fullmatch(r"[0-9]{1,18}", pid) for pid in pids):
        return {pid: int(pid) for pid in pids}
    return {pid: number for number, pid in enumerate(sorted(pids))}


def _camera(parts: Sequence[ManifestRow]) -> tuple[int, str, str]:
    """What took the picture: modality and name of the camera of the first part, rgb before others, that has one.

    Without a name, one camera for each split, so that a query and the gallery never share it.
    """
    ordered = sorted(parts, key=lambda row: row.modality.index)
    named = next((row for row in ordered if row.camid), None)
    return (named.modality.index, named.camid, "") if named else (len(MODALITIES), "", parts[0].split)


def _camera_numbers(entries: Iterable[Sequence[ManifestRow]]) -> dict[tuple[int, str, str], int]:
    return {camera: number for number, camera in enumerate(sorted({_camera(parts) for parts in entries}))}
