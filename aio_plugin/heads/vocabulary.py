"""The attribute phrases of the training captions: a few hundred for millions of captions."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import CheckpointError, DatasetError
from ..outside_files import parse_json
from .phrases import Phrases


@dataclass(frozen=True)
class Vocabulary:
    """Attribute phrases; the position of a phrase is its id."""

    phrases: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.phrases)

    @cached_property
    def index(self) -> dict[str, int]:
        """Id of every phrase."""
        return {phrase: position for position, phrase in enumerate(self.phrases)}

    def pack(self) -> Tensor:
        """The phrases as a uint8 tensor, for a checkpoint."""
        return torch.frombuffer(bytearray(json.dumps(self.phrases).encode()), dtype=torch.uint8)

    @classmethod
    def unpack(cls, packed: Tensor) -> Vocabulary:
        """The inverse of :meth:`pack`.

        Raises:
            CheckpointError: the tensor does not hold phrases.
        """
        try:
            phrases = parse_json(bytes(packed.tolist()))
        except (ValueError, TypeError) as error:
            raise CheckpointError(f"The phrases in the checkpoint cannot be read ({error}); use another.") from error
        return cls(tuple(map(str, phrases)))


class Coverage(NamedTuple):
    """How many captions have a phrase."""

    captions: int
    covered: int

    @property
    def share(self) -> float:
        """Share of the captions with at least one phrase, 0 to 1."""
        return self.covered / self.captions if self.captions else 0.0


def gather_vocabulary(captions: Iterable[str], phrases: Phrases, name: str) -> tuple[Vocabulary, Coverage]:
    """All phrases of ``captions`` in alphabetical order; warns how many captions have none.

    Args:
        name: of the data, for messages.

    Raises:
        DatasetError: there are no captions, or none has a phrase.
    """
    all_phrases: set[str] = set()
    seen: dict[str, bool] = {}
    number = covered = 0
    for caption in captions:
        if caption not in seen:
            own = phrases(caption)
            seen[caption] = bool(own)
            all_phrases.update(own)
        number += 1
        covered += seen[caption]
    if not number:
        raise DatasetError(
            f"{name}: no training image has a caption, and DMF pre-trains on images with captions. Add a source "
            "with captions, or set aio.modalities to [rgb] to train on images only (stage two)."
        )
    if not covered:
        raise DatasetError(
            f"{name}: none of the {number} captions has an attribute phrase; the first is {next(iter(seen))!r}. "
            "If they are not English, set aio.attributes.lexicon to a list of their attribute words."
        )
    if covered < number:
        warnings.warn(
            f"{name}: {number - covered} of {number} captions have no attribute phrase; their images train without "
            "text.",
            stacklevel=2,
        )
    return Vocabulary(tuple(sorted(all_phrases))), Coverage(number, covered)


class PhraseReader:
    """Captions to phrase ids.

    Args:
        most: most phrases of one caption; further ones are dropped.
    """

    def __init__(self, phrases: Phrases, vocabulary: Vocabulary, most: int) -> None:
        self.phrases, self.vocabulary, self.most = phrases, vocabulary, most

    def __call__(self, caption: str) -> Tensor:
        """Ids (P,) int64 of the known phrases of ``caption``, 0 <= P <= ``most``."""
        known = self.vocabulary.index
        return torch.tensor([known[p] for p in self.phrases(caption) if p in known][: self.most], dtype=torch.long)
