"""The persons of a training set, by where their items stand: made when asked for, so that millions take little."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ..datasets.storage.columns import Columns, columns_of
from ..modality import Item, Media, Modality

T = TypeVar("T")


@dataclass(frozen=True)
class Person:
    """Everything a source has of one person. ``pid`` counts over all sources."""

    pid: int
    anchors: Sequence[Item]
    pools: Mapping[Modality, Sequence[Media]]


class Group(NamedTuple):
    """Where the items of P persons stand that have one modality.

    Attributes:
        rows: (n,) int32 positions of the items, by person and then ascending.
        bounds: (P + 1,) those of person p are ``rows[bounds[p] : bounds[p + 1]]``.
    """

    rows: NDArray[np.int32]
    bounds: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(P,) how many items each person has."""
        return np.diff(self.bounds)

    def of(self, person: int) -> NDArray[np.int32]:
        """The positions of one person's items."""
        return self.rows[self.bounds[person] : self.bounds[person + 1]]


class Persons(Sequence[Person]):
    """The persons with at least one RGB image, in the order of their pids.

    Args:
        items: the training items of a dataset.
        columns: their numbers.
        modalities: media of others are left out; RGB always counts.
        first_pid, first_camid: added to the dataset's own numbers.

    Attributes:
        anchors: the items that are RGB images.
        pools: the further modalities that some of the persons have items of.
    """

    def __init__(
        self,
        items: Sequence[Item],
        columns: Columns,
        modalities: Collection[Modality],
        first_pid: int = 0,
        first_camid: int = 0,
    ) -> None:
        self.items, self._modalities, self._first_camid = items, frozenset(modalities), first_camid
        kept = np.unique(columns.pids[columns.of(Modality.RGB)])
        self._pids = kept.astype(np.int64) + first_pid
        self.anchors = _group(columns, Modality.RGB, kept)
        groups: dict[Modality, Group] = {m: _group(columns, m, kept) for m in modalities if m is not Modality.RGB}
        self.pools = {modality: group for modality, group in groups.items() if len(group.rows)}

    def __len__(self) -> int:
        return len(self._pids)

    @overload
    def __getitem__(self, index: int) -> Person: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Person]: ...
    def __getitem__(self, index: int | slice) -> Person | Sequence[Person]:
        """The person, or the list of persons of a slice."""
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        pid = int(self._pids[index])  # an IndexError outside, so that iteration ends
        number = index % len(self)
        rows = {modality: group.of(number) for modality, group in self.pools.items()}
        pools: dict[Modality, Sequence[Media]] = {m: _Fetched(self._medium, own) for m, own in rows.items() if len(own)}
        return Person(pid, _Fetched(self._anchor, self.anchors.of(number)), pools)

    def lacking(self, modality: Modality) -> NDArray[np.bool_]:
        """(A,) which RGB images have no partner in ``modality``, neither their own nor of their person."""
        pool = self.pools.get(modality)
        alone = np.ones(len(self), np.bool_) if pool is None else pool.sizes == 0
        lacking: NDArray[np.bool_] = np.repeat(alone, self.anchors.sizes)
        if modality in self._modalities:
            lacking &= ~columns_of(self.items).beside(modality)[self.anchors.rows]
        return lacking

    def _anchor(self, row: int) -> Item:
        item = self.items[row]
        partners = [partner for partner in item.media.partners if partner.modality in self._modalities]
        whole = len(partners) == len(item.media.partners)
        media = item.media if whole else Media(str(item.media), partners=partners)
        return item._replace(media=media, camid=item.camid + self._first_camid)

    def _medium(self, row: int) -> Media:
        return self.items[row].media


class _Fetched(Sequence[T]):
    """What is made of the items in some rows, each when it is asked for."""

    def __init__(self, make: Callable[[int], T], rows: NDArray[np.int32]) -> None:
        self._make, self._rows = make, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self._make(row) for row in self._rows[index].tolist()]
        return self._make(int(self._rows[index]))


def _group(columns: Columns, modality: Modality, kept: NDArray[np.integer[Any]]) -> Group:
    rows = np.flatnonzero(columns.of(modality) & np.isin(columns.pids, kept)).astype(np.int32)
    rows = rows[np.argsort(columns.pids[rows], kind="stable")]
    bounds = np.searchsorted(columns.pids[rows], np.append(kept, kept[-1:] + 1)).astype(np.int64)
    return Group(rows, bounds)
