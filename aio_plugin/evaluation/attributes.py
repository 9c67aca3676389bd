"""How well the attribute decoder names masked words of captions that it was not trained on (AIO Eq. 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..modality import Item, Media, Modality

MOST_CAPTIONS = 1000
"""Captions of a target that are measured, evenly spread over its queries: 6,400 words of the toy world's."""


def captioned_photos(query: Sequence[Item], gallery: Sequence[Item], most: int = MOST_CAPTIONS) -> list[Item]:
    """Captions that are queries by themselves, each as an item with the gallery photo that it was written for.

    Captions whose photo is not known, or not an RGB image of the gallery, are left out.

    Args:
        most: of more captions than that, this many are taken, evenly spread.
    """
    photos = {each.source: each.media for each in gallery if each.source >= 0 and each.media.modality is Modality.RGB}
    pairs = [
        item._replace(media=Media.joined([item.media, photos[item.source]]))
        for item in query
        if item.media.combination == (Modality.TEXT,) and item.source in photos
    ]
    chosen = np.linspace(0, len(pairs) - 1, min(most, len(pairs))).round().astype(int)
    return [pairs[at] for at in chosen]


@dataclass(frozen=True)
class MaskedWords:
    """The decoder on masked words, beside the best that can be had without looking: the words' own frequencies.

    Attributes:
        captions, words: how many there were.
        loss: mean cross-entropy of the words, in nats.
        accuracy: share of the words that the decoder names.
        frequency_loss: the entropy of the words' frequencies, in nats: the cross-entropy of a constant prediction.
        frequency_accuracy: share of the most frequent word.
    """

    captions: int
    words: int
    loss: float
    accuracy: float
    frequency_loss: float
    frequency_accuracy: float

    @classmethod
    def of(cls, losses: Tensor, hits: Tensor, labels: Tensor, captions: int) -> MaskedWords:
        """From cross-entropy, success and label of every word, (K,) each, K at least 1; their order does not matter."""
        shares = labels.unique(return_counts=True)[1].double() / len(labels)
        entropy = -torch.sum(shares * shares.log())
        loss = math.fsum(losses.tolist()) / len(labels)
        return cls(captions, len(labels), loss, float(hits.double().mean()), float(entropy), float(shares.max()))

    def to_json(self) -> dict[str, Any]:
        """The field ``attributes`` of a target in results.json."""
        return asdict(self)


def describe_words(entry: Mapping[str, Any]) -> str:
    """The field ``attributes`` of a target as a line."""
    return (
        f"{entry['loss']:.2f} nats a word, {entry['accuracy']:.1%} named right; by their frequencies alone "
        f"{entry['frequency_loss']:.2f} and {entry['frequency_accuracy']:.1%} ({entry['words']:,} words of "
        f"{entry['captions']:,} captions)"
    )
