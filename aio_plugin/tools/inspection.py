"""A dataset's folder looked over: what its adapters read of it, and what lies there besides."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch

from ..datasets import Adapter, Options, Splits, checks
from ..errors import AIOError, IncompleteError
from ..modality import Combination, Item
from .contents import contents, unreadable
from .findings import Block, first_of
from .people import People, known, unmatched

Count = tuple[str, int, int | None]
"""What was counted, found, published."""


@dataclass
class Reading:
    """What one adapter made of its folder, over all it can be asked for.

    Attributes:
        counts: in the order found, each once.
        used: paths of the images that some split uses.
        absent: why it cannot be read at all: parts are missing.
    """

    adapter: Adapter
    counts: dict[Count, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    absent: str = ""
    failed: bool = False


def read(adapter: Adapter, root: str) -> Reading:
    """Everything ``adapter`` reads below ``root``: every combination of queries under every option of its survey."""
    reading = Reading(adapter)
    for options in adapter.survey:
        tested = People("test")
        for query in adapter.queries or (None,):
            splits = _splits(reading, root, options, query)
            if splits is None:
                continue
            _take(reading, splits)
            tested.add(known([*splits.query, *splits.gallery]))
            reading.problems += first_of(
                "identities searched for that are not in the gallery", [str(n) for n in _lost(splits)]
            )
        reading.problems += tested.gaps()
    return reading


def inspect(folder: str, adapters: Sequence[Adapter], root: str, toy: bool, fast: bool) -> Block:
    """The block of one folder, which several datasets can share.

    Args:
        folder: relative to ``root``.
        toy: whether counts may differ from the published ones.
        fast: read names only, open no image.
    """
    block = Block(f"{folder} ({', '.join(adapter.name for adapter in adapters)})")
    readings = [read(adapter, root) for adapter in adapters]
    there = [reading for reading in readings if not reading.absent]
    for reading in readings:
        _report(reading, block, there, toy)
    base = os.path.join(root, *folder.split("/"))
    lying = contents(base, root)
    spare = [pattern for adapter in adapters for pattern in adapter.spare]
    bare = [path for path in lying.bare if not _matches(path, base, spare)]
    block.blame(first_of("empty folders", bare))
    block.blame(first_of("empty files", lying.empty))
    block.blame(first_of("links out of the data root", lying.leaving))
    block.blame(first_of("links to nowhere", lying.dangling))
    block.blame(first_of("folders that cannot be listed", lying.locked))
    if not there or any(reading.failed for reading in readings):
        block.tell(["unexpected images: not known until the dataset can be read"])
    else:
        used = set().union(*(reading.used for reading in readings))
        unused = [path for path in lying.images if path not in used and not _matches(path, base, spare)]
        _unexpected(block, unused, [reading for reading in readings if reading.absent])
    if not fast:
        block.blame(first_of("images that cannot be read", list(unreadable(lying.images, folder))))
    return block


def table(counts: Iterable[Count]) -> str:
    """Counts in three columns."""
    rows = [("", "found", "published")]
    rows += [(what, f"{n:,}", "-" if published is None else f"{published:,}") for what, n, published in counts]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(f"{a:{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows)


def compared(found: Mapping[str, int], published: Mapping[str, int]) -> dict[Count, None]:
    """Counts with what is published of each."""
    return {(what, number, published.get(what)): None for what, number in found.items()}


def differing(counts: Iterable[Count]) -> list[str]:
    """The problem that counts differ, if they do."""
    off = [f"{what} {n:,} ({published:,})" for what, n, published in counts if published not in (None, n)]
    return [f"counts differ from the published ones: {', '.join(off)}. Complete the download."] if off else []


def _splits(reading: Reading, root: str, options: Options, query: Combination | None) -> Splits | None:
    """What the adapter reads; None, and why, where it cannot."""
    try:
        with checks.tolerating_absences() as absences:
            splits = reading.adapter.read(root, options, query)
        reading.problems += absences
        return splits
    except IncompleteError as error:
        reading.absent = reading.absent or str(error)
    except AIOError as error:
        reading.failed = True
        reading.problems.append(str(error))
    return None


def _take(reading: Reading, splits: Splits) -> None:
    reading.counts.update(compared(splits.found, splits.published))
    shown = checks.compare(reading.adapter.name, splits.found, splits.published)
    for note in splits.notes:
        if note not in shown:
            (reading.problems if isinstance(note, checks.Fault) else reading.notes).append(note)
    trained = People("training")
    for items in (splits.train, splits.query, splits.gallery):
        reading.used.update(str(part) for item in items for part in item.media.parts if part.modality.is_image)
    trained.add(splits.train)
    reading.problems += trained.gaps()


def _lost(splits: Splits) -> list[int]:
    """Query identities without a match that have all modalities, as the others are told of already."""
    sides: Sequence[Sequence[Item]] = (splits.query, splits.gallery)
    kinds = [{part.modality for item in side for part in item.media.parts} for side in sides]
    return unmatched(*sides) if kinds[1] <= kinds[0] else []


def _report(reading: Reading, block: Block, there: Sequence[Reading], toy: bool) -> None:
    name = reading.adapter.name
    if reading.absent and there:
        block.tell([f"{name}: not here, parts of it are missing"])
    elif reading.absent:
        block.blame([reading.absent])
    if reading.counts:
        block.tell([f"{name}:\n" * (len(there) > 1) + table(reading.counts)])
    block.tell(f"note: {note}" for note in reading.notes)
    block.blame(text.removeprefix(f"{name}: ") for text in reading.problems)
    if not toy:
        block.blame(f"{name}: {text}" for text in differing(reading.counts))


def _unexpected(block: Block, unused: Sequence[str], absent: Sequence[Reading]) -> None:
    found = first_of("images that no split uses", unused)
    if absent:
        names = " or ".join(reading.adapter.name for reading in absent)
        block.tell(f"{text} (they may belong to {names})" for text in found)
    else:
        block.blame(found)


def _matches(path: str, base: str, patterns: Sequence[str]) -> bool:
    relative = os.path.relpath(path, base).replace(os.sep, "/")
    return any(fnmatch(relative, pattern) for pattern in patterns)
