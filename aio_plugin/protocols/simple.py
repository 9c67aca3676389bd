"""Protocols of one trial: every query against the whole gallery."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from ..modality import Item
from .base import Ints, Protocol, Trial
from .keys import no_keys, same_camera


class Whole(Protocol):
    """One trial of all queries against all of the gallery; subclasses give the keys.

    Args:
        name: as it stands in results, before the removal rule.

    Attributes:
        rule: who leaves the gallery, as the name says it.
    """

    rule: str

    def __init__(self, name: str) -> None:
        self.name = f"{name}, {self.rule}"

    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield the one trial."""
        everyone, everything = np.arange(len(query)), np.arange(len(gallery))
        yield Trial("all", everyone, everything, *self.keys(query, gallery))

    @abstractmethod
    def keys(self, query: Sequence[Item], gallery: Sequence[Item]) -> tuple[Ints, Ints]:
        """(Q,), (G,) removal keys."""


class Open(Whole):
    """Nothing leaves the gallery: CUHK-PEDES, MaSk1K."""

    rule = "nothing removed"

    def keys(self, query: Sequence[Item], gallery: Sequence[Item]) -> tuple[Ints, Ints]:
        """(Q,), (G,) keys, none of which removes."""
        return no_keys(len(query)), no_keys(len(gallery))


class PerPerson(Protocol):
    """Everything there is of a person is one query, its feature the mean of theirs: MaSk1K's multi-query mode.

    Args:
        name: as it stands in results, before how queries are joined and the removal rule.
    """

    def __init__(self, name: str) -> None:
        self.name = f"{name}, mean of the features of all queries of a person, {Open.rule}"

    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield the one trial; persons in the order in which they come."""
        persons: dict[int, list[int]] = {}
        for index, item in enumerate(query):
            persons.setdefault(item.pid, []).append(index)
        parts = tuple(np.array(members, dtype=np.int64) for members in persons.values())
        first = np.array([members[0] for members in parts], dtype=np.int64)
        everything = np.arange(len(gallery))
        yield Trial("all", first, everything, no_keys(len(first)), no_keys(len(gallery)), parts)


class SameCamera(Whole):
    """The same person under the same camera leaves the gallery: Market-1501 and its kin."""

    rule = "same person and camera removed"

    def keys(self, query: Sequence[Item], gallery: Sequence[Item]) -> tuple[Ints, Ints]:
        """(Q,), (G,) keys of (person, camera)."""
        return same_camera(query, gallery)


class SourcePhoto(Whole):
    """The photo that a sketch or caption was made from leaves the gallery: Tri-CUHK-PEDES (UNIReID).

    Queries whose ``source`` is -1 keep the whole gallery.
    """

    rule = "source photo removed"

    def keys(self, query: Sequence[Item], gallery: Sequence[Item]) -> tuple[Ints, Ints]:
        """(Q,), (G,) positions of the photos."""
        of_query, of_gallery = (np.array([item.source for item in items], dtype=np.int64) for items in (query, gallery))
        return of_query, of_gallery
