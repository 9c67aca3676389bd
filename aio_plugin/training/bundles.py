"""A training item is a person: one RGB image and a partner in every other modality to be had."""

from __future__ import annotations

import random
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from ..datasets.storage.columns import columns_of
from ..errors import DatasetError
from ..modality import MODALITIES, Item, Media, Modality
from .media import MediaReader
from .persons import Persons
from .randomness import seeded


@dataclass
class Source:
    """The training persons of one dataset, those with at least one RGB image."""

    name: str
    persons: Persons
    dsetid: int = 0

    @classmethod
    def of(
        cls,
        name: str,
        items: Sequence[Item],
        first_pid: int = 0,
        first_camid: int = 0,
        dsetid: int = 0,
        modalities: Collection[Modality] = MODALITIES,
    ) -> Source:
        """Group the training items of a dataset by person.

        Args:
            first_pid, first_camid: added to the dataset's own numbers, which count from 0.
            modalities: what the model reads; media of others are left out, with one counted warning.

        Raises:
            DatasetError: no person has an RGB image.
        """
        columns = columns_of(items)
        foreign = [modality for modality in MODALITIES if modality not in modalities]
        _warn_of_foreign(name, {m: int((columns.of(m) | columns.beside(m)).sum()) for m in foreign})
        persons, found = Persons(items, columns, modalities, first_pid, first_camid), len(np.unique(columns.pids))
        if not persons:
            raise DatasetError(f"{name}: no training person has an RGB image, and AIO trains on RGB and its partners.")
        if len(persons) < found:
            lost = found - len(persons)
            warnings.warn(f"{name}: {lost} of {found} training persons have no RGB image; left out.", stacklevel=2)
        return cls(name, persons, dsetid)

    def warn_of_gaps(self, synthetic: Sequence[Modality]) -> None:
        """One counted warning for every modality that some of the persons have and others lack."""
        for modality, group in self.persons.pools.items():
            missing = int((group.sizes == 0).sum())
            if missing and modality not in synthetic:
                warnings.warn(
                    f"{self.name}: {missing} of {len(self.persons)} persons have no {modality}; they train without it.",
                    stacklevel=2,
                )

    def captions(self) -> Iterator[str]:
        """Every caption of the training persons: those of their photos, and those of no photo in particular."""
        for person in self.persons:
            media = [partner for anchor in person.anchors for partner in anchor.media.partners]
            for medium in (*media, *person.pools.get(Modality.TEXT, ())):
                if medium.caption is not None:
                    yield medium.caption

    def without(self, modality: Modality) -> tuple[int, int]:
        """How many RGB images have no partner in ``modality``, neither their own nor of their person; of how many."""
        lacking = self.persons.lacking(modality)
        return int(lacking.sum()), len(lacking)


class Draw(NamedTuple):
    """Which person to bundle: ``copy`` numbers several bundles of one person in a batch."""

    source: int
    person: int
    seed: int
    copy: int = 0
    synthetic: tuple[Modality, ...] = ()


class BundleDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """Bundles of persons; its index is a :class:`Draw`, which says everything random too.

    Args:
        others: make synthetic partners from another photo of the person than the RGB image, where there is one.
    """

    def __init__(self, sources: Sequence[Source], reader: MediaReader, others: bool = False) -> None:
        self.sources, self.reader, self.others = sources, reader, others

    def __len__(self) -> int:
        return sum(len(source.persons) for source in self.sources)

    def __getitem__(self, draw: Draw) -> dict[str, Any]:
        source = self.sources[draw.source]
        person = source.persons[draw.person]
        with seeded(draw.seed + draw.copy) as rng:
            order = random.Random(draw.seed).sample(range(len(person.anchors)), len(person.anchors))
            place = order[draw.copy % len(order)]
            anchor = person.anchors[place]
            others = [person.anchors[k].media for k in order if k != place] if self.others else ()
            media = bundle(anchor.media, person.pools, draw.synthetic, rng, others)
            entry = self.reader.entries(media, rng)
        return {**entry, "pid": person.pid, "camid": anchor.camid, "dsetid": source.dsetid, "impath": anchor.media}


def bundle(
    anchor: Media,
    pools: Mapping[Modality, Sequence[Media]],
    synthetic: Sequence[Modality],
    rng: random.Random,
    others: Sequence[Media] = (),
) -> list[Media]:
    """The anchor with one medium of every further modality: its own partner first (the captions of this
    very photo), else any of the person's, else one made where the stage asks for that: from one of ``others``,
    else from the anchor."""
    own: dict[Modality, list[Media]] = defaultdict(list)
    for partner in anchor.partners:
        own[partner.modality].append(partner)
    chosen = [Media(str(anchor))]
    for modality in MODALITIES[1:]:
        choices = own.get(modality) or pools.get(modality)
        if choices:
            chosen.append(rng.choice(choices))
        elif modality in synthetic:
            photo = rng.choice(others) if others else anchor
            chosen.append(Media(str(photo), modality, synthetic=True))
    return chosen


def _warn_of_foreign(name: str, foreign: Mapping[Modality, int]) -> None:
    counted = ", ".join(f"{modality} of {count} items" for modality, count in foreign.items() if count)
    if counted:
        warnings.warn(f"{name}: {counted} left out, as aio.modalities does not name them.", stacklevel=3)
