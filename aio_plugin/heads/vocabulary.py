"""The phrases of the training captions, numbered: a few hundred stand for millions of captions."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..errors import CheckpointError, DatasetError
from .phrases import Phrases


@dataclass(frozen=True)
class Vocabulary:
    """Attribute phrases; the place of a phrase is its id."""

    phrases: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.phrases)

    @cached_property
    def index(self) -> dict[str, int]:
        """Id of every phrase."""
        return {phrase: place for place, phrase in enumerate(self.phrases)}

    def pack(self) -> Tensor:
        """The phrases as a uint8 tensor, for a checkpoint."""
        return torch.frombuffer(bytearray(json.dumps(self.phrases).encode()), dtype=torch.uint8)

    @classmethod
    def unpack(cls, packed: Tensor) -> Vocabulary:
        """What :meth:`pack` packed.

        Raises:
            CheckpointError: the tensor is not such a one.
        """
        try:
            phrases = json.loads(bytes(packed.tolist()).decode())
        except (ValueError, TypeError) as error:
            raise CheckpointError(f"The phrases in the checkpoint cannot be read ({error}); use another.") from error
        return cls(tuple(map(str, phrases)))


@dataclass(frozen=True)
class Coverage:
    """How many captions have a phrase at all."""

    captions: int
    covered: int

    @property
    def share(self) -> float:
        """Share of the captions with at least one phrase, 0 to 1."""
        return self.covered / self.captions if self.captions else 0.0


def gather(captions: Iterable[str], phrases: Phrases, name: str) -> tuple[Vocabulary, Coverage]:
    """All phrases of ``captions``, by alphabet, with one counted warning of the captions that have none.

    Args:
        name: of the data, for the texts.

    Raises:
        DatasetError: there are no captions, or not one has a phrase.
    """
    found: set[str] = set()
    seen: dict[str, bool] = {}
    number = covered = 0
    for caption in captions:
        if caption not in seen:
            own = phrases(caption)
            seen[caption] = bool(own)
            found.update(own)
        number += 1
        covered += seen[caption]
    if not number:
        raise DatasetError(
            f"{name}: not one training image has a caption, and DMF pre-trains on images with captions. Add a source "
            "with captions, or set aio.modalities to [rgb] to train on images alone (stage two)."
        )
    if not covered:
        raise DatasetError(
            f"{name}: not one of the {number} captions has an attribute phrase; the first is {next(iter(seen))!r}. "
            "Are they English? Else set aio.attributes.lexicon to a list of the words that matter in them."
        )
    if covered < number:
        warnings.warn(
            f"{name}: {number - covered} of {number} captions have no attribute phrase; their images train without "
            "text.",
            stacklevel=2,
        )
    return Vocabulary(tuple(sorted(found))), Coverage(number, covered)


class PhraseReader:
    """Captions to phrase ids.

    Args:
        most: phrases of one caption; further ones are left out.
    """

    def __init__(self, phrases: Phrases, vocabulary: Vocabulary, most: int) -> None:
        self.phrases, self.vocabulary, self.most = phrases, vocabulary, most

    def __call__(self, caption: str) -> Tensor:
        """Ids (P,) int64 of the known phrases of ``caption``; P is ``most`` at most, and may be 0."""
        known = self.vocabulary.index
        return torch.tensor([known[p] for p in self.phrases(caption) if p in known][: self.most], dtype=torch.long)
