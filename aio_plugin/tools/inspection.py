"""A dataset's folder looked over: what its adapters read of it, and what lies there besides."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch

from ..datasets import Adapter, Options, Splits
from ..datasets.reading import checks
from ..datasets.storage.lmdb_images import MARK
from ..errors import AIOError, IncompleteError, OtherFormError
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
        missing: parts without which it cannot be read in some form that should be there.
        elsewise: the forms that a copy need not have and this one has not, and why.
        failed: something in it is malformed.
        read: it was read in some form.
    """

    adapter: Adapter
    counts: dict[Count, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    elsewise: dict[str, str] = field(default_factory=dict)
    failed: bool = False
    read: bool = False

    @property
    def absent(self) -> bool:
        """Whether it is not here in any form."""
        return not self.read and not self.failed

    @property
    def whole(self) -> bool:
        """Whether all was read that is here."""
        return self.absent or not (self.failed or self.missing)

    def lack(self, people: People, promised: bool) -> None:
        """Who has not all modalities; a problem where published counts promise that everybody has."""
        (self.problems if promised else self.notes).extend(people.gaps())


def read(adapter: Adapter, root: str) -> Reading:
    """Everything ``adapter`` reads below ``root``: every combination of queries under every option of its survey."""
    reading = Reading(adapter)
    for options in adapter.survey:
        tested, promised = People("test"), False
        for query in adapter.queries or (None,):
            splits = _splits(reading, root, options, query)
            if splits is None:
                continue
            _take(reading, splits, options)
            tested.add(known([*splits.query, *splits.gallery]))
            promised = bool(splits.published)
            reading.problems += first_of(
                "identities searched for that are not in the gallery", [str(n) for n in _lost(splits)]
            )
        reading.lack(tested, promised)
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
    if not there or not all(reading.whole for reading in readings):
        block.tell(["unexpected images: not known until the dataset can be read"])
    else:
        used = set().union(*(reading.used for reading in readings))
        unused = [path for path in lying.images if path not in used and not _matches(path, base, spare)]
        _unexpected(block, unused, [reading for reading in readings if reading.absent])
    if not fast:
        inside = sorted(path for reading in readings for path in reading.used if MARK in path)
        block.blame(first_of("images that cannot be read", list(unreadable([*lying.images, *inside], folder))))
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
    except OtherFormError as error:
        reading.elsewise[_form(options)] = str(error)
    except IncompleteError as error:
        reading.missing.append(str(error))
    except AIOError as error:
        reading.failed = True
        reading.problems.append(str(error))
    return None


def _take(reading: Reading, splits: Splits, options: Options) -> None:
    reading.read = True
    for count in compared(splits.found, splits.published):
        _count(reading, count, options)
    shown = checks.compare(reading.adapter.name, splits.found, splits.published)
    told = {_wording(note) for note in reading.notes}
    for note in splits.notes:
        if isinstance(note, checks.Fault):
            reading.problems.append(note)
        elif note not in shown and _wording(note) not in told:
            reading.notes.append(note)
    trained = People("training")
    for items in (splits.train, splits.query, splits.gallery):
        reading.used.update(str(part) for item in items for part in item.media.parts if part.modality.is_image)
    trained.add(splits.train)
    reading.lack(trained, bool(splits.published))


def _count(reading: Reading, count: Count, options: Options) -> None:
    """Add a count; if another form gave another count of the same, it says of which form it is."""
    what, found, published = count
    other = any(what == known and count != (known, *rest) for known, *rest in reading.counts)
    reading.counts[(f"{what} ({_form(options)})" if other else what, found, published)] = None


def _form(options: Options) -> str:
    return ", ".join(f"{key}: {value}" for key, value in options.items())


def _wording(note: str) -> str:
    """A note without its numbers: what ten trials say in the same words is told once."""
    return re.sub(r"\d+", "", note)


def _lost(splits: Splits) -> list[int]:
    """Query identities without a match that have all modalities, as the others are told of already."""
    sides: Sequence[Sequence[Item]] = (splits.query, splits.gallery)
    kinds = [{part.modality for item in side for part in item.media.parts} for side in sides]
    return unmatched(*sides) if kinds[1] <= kinds[0] else []


def _report(reading: Reading, block: Block, there: Sequence[Reading], toy: bool) -> None:
    name = reading.adapter.name
    if reading.absent and there:
        block.tell([f"{name}: not here, parts of it are missing"])
    else:
        block.blame(reading.missing[:1] or (reading.elsewise.values() if reading.absent else ()))
        block.tell(f"{name} ({form}): not here, nor need it be" for form in reading.elsewise)
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
