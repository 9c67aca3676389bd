"""A training item is a person: one RGB image and a partner in every other modality to be had."""

from __future__ import annotations

import random
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from ..errors import DatasetError
from ..modality import Item, Media, Modality
from .media import MediaReader
from .randomness import seeded


@dataclass
class Person:
    """Everything a source has of one person. ``pid`` counts over all sources."""

    pid: int
    anchors: list[Item] = field(default_factory=list)
    pools: dict[Modality, list[Media]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class Source:
    """The training persons of one dataset, those with at least one RGB image."""

    name: str
    persons: list[Person]
    dsetid: int = 0

    @classmethod
    def of(cls, name: str, items: Iterable[Item], first_pid: int = 0, first_camid: int = 0, dsetid: int = 0) -> Source:
        """Group the training items of a dataset by person.

        Args:
            first_pid, first_camid: added to the dataset's own numbers, which count from 0.

        Raises:
            DatasetError: no person has an RGB image.
        """
        persons: dict[int, Person] = {}
        for item in items:
            person = persons.setdefault(item.pid, Person(item.pid + first_pid))
            if item.media.modality is Modality.RGB:
                person.anchors.append(item._replace(camid=item.camid + first_camid))
            else:
                person.pools[item.media.modality].append(item.media)
        kept = [persons[pid] for pid in sorted(persons) if persons[pid].anchors]
        if not kept:
            raise DatasetError(f"{name}: no training person has an RGB image, and AIO trains on RGB and its partners.")
        if len(kept) < len(persons):
            lost = len(persons) - len(kept)
            warnings.warn(
                f"{name}: {lost} of {len(persons)} training persons have no RGB image; left out.", stacklevel=2
            )
        return cls(name, kept, dsetid)

    def warn_of_gaps(self, synthetic: Sequence[Modality]) -> None:
        """One counted warning for every modality that some of the persons have and others lack."""
        for modality in {m for person in self.persons for m in person.pools} - set(synthetic):
            missing = sum(modality not in person.pools for person in self.persons)
            if missing:
                warnings.warn(
                    f"{self.name}: {missing} of {len(self.persons)} persons have no {modality}; they train without it.",
                    stacklevel=2,
                )


class Draw(NamedTuple):
    """Which person to bundle: ``copy`` numbers several bundles of one person in a batch."""

    source: int
    person: int
    seed: int
    copy: int = 0
    synthetic: tuple[Modality, ...] = ()


class BundleDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """Bundles of persons; its index is a :class:`Draw`, which says everything random too."""

    def __init__(self, sources: Sequence[Source], reader: MediaReader) -> None:
        self.sources, self.reader = sources, reader

    def __len__(self) -> int:
        return sum(len(source.persons) for source in self.sources)

    def __getitem__(self, draw: Draw) -> dict[str, Any]:
        source = self.sources[draw.source]
        person = source.persons[draw.person]
        with seeded(draw.seed + draw.copy) as rng:
            order = random.Random(draw.seed).sample(range(len(person.anchors)), len(person.anchors))
            anchor = person.anchors[order[draw.copy % len(order)]]
            media = bundle(anchor.media, person.pools, draw.synthetic, rng)
            entry = self.reader.entries(media, rng)
        return {**entry, "pid": person.pid, "camid": anchor.camid, "dsetid": source.dsetid, "impath": anchor.media}


def bundle(
    anchor: Media, pools: dict[Modality, list[Media]], synthetic: Sequence[Modality], rng: random.Random
) -> list[Media]:
    """The anchor with one medium of every further modality: its own partner first (the captions of this
    very photo), else any of the person's, else one made from the anchor where the stage asks for that."""
    own: dict[Modality, list[Media]] = defaultdict(list)
    for partner in anchor.partners:
        own[partner.modality].append(partner)
    chosen = [Media(str(anchor))]
    for modality in list(Modality)[1:]:
        choices = own.get(modality) or pools.get(modality)
        if choices:
            chosen.append(rng.choice(choices))
        elif modality in synthetic:
            chosen.append(Media(str(anchor), modality, synthetic=True))
    return chosen
