"""The training dataset: an item is a person, an RGB image with a partner in every other available modality.

Persons are described by the positions of their items and made on access, so that millions take little memory.
"""

from __future__ import annotations

import random
import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray

from ..datasets.storage.columns import Columns, columns_of
from ..errors import DatasetError
from ..modality import MODALITIES, Item, Media, Modality
from .media import MediaReader
from .randomness import seeded

T = TypeVar("T")


class LazySequence(Sequence[T]):
    """``make(number)`` for every one of ``numbers``, called on access."""

    def __init__(self, make: Callable[[int], T], numbers: Sequence[int] | NDArray[np.int32]) -> None:
        self._make, self._numbers = make, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return LazySequence(self._make, self._numbers[index])
        return self._make(int(self._numbers[index]))


@dataclass(frozen=True)
class Person:
    """The RGB images of one person, and the media in each further modality. ``pid`` counts over all sources."""

    pid: int
    anchors: Sequence[Item]
    pools: Mapping[Modality, Sequence[Media]]


class Group(NamedTuple):
    """Positions of the items of P persons in one modality.

    Attributes:
        rows: (n,) int32 positions, by person and then ascending.
        bounds: (P + 1,) those of person p are ``rows[bounds[p] : bounds[p + 1]]``.
    """

    rows: NDArray[np.int32]
    bounds: NDArray[np.int64]

    @classmethod
    def by_person(cls, columns: Columns, modality: Modality, pids: NDArray[np.integer[Any]]) -> Group:
        """The items of ``modality`` of the persons ``pids`` (P,), in ascending order."""
        rows = np.flatnonzero(columns.of(modality) & np.isin(columns.pids, pids)).astype(np.int32)
        rows = rows[np.argsort(columns.pids[rows], kind="stable")]
        return cls(rows, np.searchsorted(columns.pids[rows], np.append(pids, pids[-1:] + 1)).astype(np.int64))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(P,) number of items of each person."""
        return np.diff(self.bounds)

    def of(self, person: int) -> NDArray[np.int32]:
        """The positions of one person's items."""
        return self.rows[self.bounds[person] : self.bounds[person + 1]]


class Source:
    """The training persons of one dataset that have at least one RGB image, in the order of their pids.

    Args:
        items: the training items of the dataset.
        first_pid, first_camid: added to the dataset's own numbers, which count from 0.
        dsetid: number of the dataset.
        modalities: what the model reads; media of others are left out, with one counted warning. RGB always counts.

    Attributes:
        identities, cameras: number of those among ``items``, whether or not they have an RGB image.
        persons: made on access.
        anchors: the items that are RGB images.
        pools: the items of each further modality that some of the persons have.

    Raises:
        DatasetError: no person has an RGB image.
    """

    def __init__(
        self,
        name: str,
        items: Sequence[Item],
        first_pid: int = 0,
        first_camid: int = 0,
        dsetid: int = 0,
        modalities: Collection[Modality] = MODALITIES,
    ) -> None:
        self.name, self.items, self.dsetid = name, items, dsetid
        self._modalities, self._first_camid = frozenset(modalities), first_camid
        columns = columns_of(items)
        counts = {m: int((columns.of(m) | columns.beside(m)).sum()) for m in MODALITIES if m not in modalities}
        unread = ", ".join(f"{modality} of {count} items" for modality, count in counts.items() if count)
        if unread:
            warnings.warn(f"{name}: {unread} left out, as aio.modalities does not name them.", stacklevel=2)
        pids = np.unique(columns.pids[columns.of(Modality.RGB)])
        self.identities, self.cameras = len(np.unique(columns.pids)), len(np.unique(columns.camids))
        if not len(pids):
            raise DatasetError(f"{name}: no training person has an RGB image, and AIO trains on RGB and its partners.")
        if len(pids) < self.identities:
            lost = f"{self.identities - len(pids)} of {self.identities}"
            warnings.warn(f"{name}: {lost} training persons have no RGB image; left out.", stacklevel=2)
        self._pids = pids.astype(np.int64) + first_pid
        self.anchors = Group.by_person(columns, Modality.RGB, pids)
        groups = {m: Group.by_person(columns, m, pids) for m in modalities if m is not Modality.RGB}
        self.pools = {modality: group for modality, group in groups.items() if len(group.rows)}
        self.persons = LazySequence(self._person, range(len(pids)))

    def _person(self, number: int) -> Person:
        rows = {modality: group.of(number) for modality, group in self.pools.items()}
        pools = {m: LazySequence(self._medium, own) for m, own in rows.items() if len(own)}
        return Person(int(self._pids[number]), LazySequence(self._anchor, self.anchors.of(number)), pools)

    def _anchor(self, row: int) -> Item:
        item = self.items[row]
        partners = [partner for partner in item.media.partners if partner.modality in self._modalities]
        complete = len(partners) == len(item.media.partners)
        media = item.media if complete else Media(str(item.media), partners=partners)
        return item._replace(media=media, camid=item.camid + self._first_camid)

    def _medium(self, row: int) -> Media:
        return self.items[row].media

    def warn_of_gaps(self, synthetic: Collection[Modality]) -> None:
        """One counted warning for every modality, but ``synthetic`` ones, that some persons have and others lack."""
        for modality, group in self.pools.items():
            missing = int((group.sizes == 0).sum())
            if missing and modality not in synthetic:
                warnings.warn(
                    f"{self.name}: {missing} of {len(self.persons)} persons have no {modality}; they train without it.",
                    stacklevel=2,
                )

    def captions(self) -> Iterator[str]:
        """Every caption of the training persons: those of their photos, then those that belong to no photo."""
        for person in self.persons:
            media = [partner for anchor in person.anchors for partner in anchor.media.partners]
            for medium in (*media, *person.pools.get(Modality.TEXT, ())):
                if medium.caption is not None:
                    yield medium.caption

    def lacking(self, modality: Modality) -> NDArray[np.bool_]:
        """(A,) which RGB images have no partner in ``modality``, neither their own nor of their person."""
        pool = self.pools.get(modality)
        without = np.ones(len(self.persons), np.bool_) if pool is None else pool.sizes == 0
        lacking: NDArray[np.bool_] = np.repeat(without, self.anchors.sizes)
        if modality in self._modalities:
            lacking &= ~columns_of(self.items).beside(modality)[self.anchors.rows]
        return lacking


class Draw(NamedTuple):
    """The person of a training item: ``copy`` numbers several items of one person in a batch."""

    source: int
    person: int
    seed: int
    copy: int = 0
    synthetic: tuple[Modality, ...] = ()


class PersonDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """Training items of persons; the index is a :class:`Draw`, whose seed decides every random choice.

    Args:
        other_photos: make synthetic partners from another photo of the person than the RGB image, where there is one.
    """

    def __init__(self, sources: Sequence[Source], reader: MediaReader, other_photos: bool = False) -> None:
        self.sources, self.reader, self.other_photos = sources, reader, other_photos

    def __len__(self) -> int:
        return sum(len(source.persons) for source in self.sources)

    def __getitem__(self, draw: Draw) -> dict[str, Any]:
        source = self.sources[draw.source]
        person = source.persons[draw.person]
        with seeded(draw.seed + draw.copy) as rng:
            order = random.Random(draw.seed).sample(range(len(person.anchors)), len(person.anchors))
            position = order[draw.copy % len(order)]
            anchor = person.anchors[position]
            photos = [person.anchors[k].media for k in order if k != position] if self.other_photos else ()
            media = choose_media(anchor.media, person.pools, draw.synthetic, rng, photos)
            entry = self.reader.entries(media, rng)
        return {**entry, "pid": person.pid, "camid": anchor.camid, "dsetid": source.dsetid, "impath": anchor.media}


def choose_media(
    anchor: Media,
    pools: Mapping[Modality, Sequence[Media]],
    synthetic: Sequence[Modality],
    rng: random.Random,
    photos: Sequence[Media] = (),
) -> list[Media]:
    """The anchor with one medium of every further modality.

    That is a partner of the anchor itself (such as the photo's caption), else one of the person's ``pools``, else,
    for ``synthetic`` modalities, one made from a random one of ``photos``, or from the anchor if there are none.
    """
    own: dict[Modality, list[Media]] = defaultdict(list)
    for partner in anchor.partners:
        own[partner.modality].append(partner)
    chosen = [Media(str(anchor))]
    for modality in MODALITIES[1:]:
        choices = own.get(modality) or pools.get(modality)
        if choices:
            chosen.append(rng.choice(choices))
        elif modality in synthetic:
            chosen.append(Media(str(rng.choice(photos) if photos else anchor), modality, synthetic=True))
    return chosen
