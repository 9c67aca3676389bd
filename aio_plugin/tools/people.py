"""Who of a split was seen in which modality, and who lacks one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..modality import Item, Modality, in_order

DISTRACTOR = 0
"""Market-1501's number for people who are nobody's; those of junk boxes are below."""


class People:
    """Identities of a split with the modalities they were seen in and their first file.

    Args:
        split: for messages.
    """

    def __init__(self, split: str) -> None:
        self.split = split
        self.seen: dict[int, set[Modality]] = {}
        self.files: dict[int, str] = {}

    def add(self, items: Iterable[Item]) -> None:
        """Count the media of items and their partners."""
        for item in items:
            self.files.setdefault(item.pid, str(item.media))
            self.seen.setdefault(item.pid, set()).update(item.media.combination)

    def gaps(self) -> Iterator[str]:
        """For every modality of the split, how many identities lack it, and a file of the first."""
        kinds = in_order({kind for kinds in self.seen.values() for kind in kinds})
        for kind in kinds:
            lacking = sorted(pid for pid, seen in self.seen.items() if kind not in seen)
            if lacking:
                yield (
                    f"{len(lacking):,} of {len(self.seen):,} {self.split} identities have no {kind}; "
                    f"the first is that of {self.files[lacking[0]]}"
                )


def unmatched(query: Iterable[Item], gallery: Iterable[Item]) -> list[int]:
    """Identities that are searched for and not in the gallery, sorted."""
    return sorted({item.pid for item in query} - {item.pid for item in gallery})


def known(items: Iterable[Item]) -> Iterator[Item]:
    """The items without distractors, whom nobody searches for."""
    return (item for item in items if item.pid > DISTRACTOR)
