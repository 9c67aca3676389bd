"""Frozen text encoders for short phrases: ``open_clip:<model>`` and ``toy``.

DMF's Text Translation: "Text Encoder -> token"; there are few phrases, so each is encoded once, before training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import EncoderError, nearest
from ..tokenizers.bpe import END, VOCABULARY, encode
from .clip import load_clip_text
from .pretrained import RANDOM, seeded
from .toy import load_toy

NAMES = ("open_clip:ViT-B-16", "open_clip:ViT-L-14", "toy")
"""Names to suggest; every other CLIP of open_clip with its own text encoder is accepted too."""

_AT_ONCE = 256
_TOY_WIDTH = 64
_KEYS = ("aio.dmf.text_encoder", "aio.dmf.text_weights")


@dataclass(frozen=True)
class TextEncoder:
    """Maps phrases to vectors.

    Attributes:
        name: as in the config.
        embed: some phrases -> (n, W).
    """

    name: str
    embed: Callable[[Sequence[str]], Tensor]

    @torch.no_grad()
    def table(self, phrases: Sequence[str]) -> Tensor:
        """(V, W) float32, one row per phrase, each with root mean square 1.

        The rows are scaled because encoders differ by orders of magnitude, and the projection after them has one
        initialisation.
        """
        parts = [self.embed(phrases[at : at + _AT_ONCE]).float() for at in range(0, len(phrases), _AT_ONCE)]
        rows = torch.cat(parts)
        return rows / rows.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-6)


def load_text(name: str, weights: str = "") -> TextEncoder:
    """The text encoder ``name``.

    Args:
        name: ``open_clip:<model>``: the text transformer's output at the end token, projected; or ``toy``: the mean
            of the toy encoder's word embedding over the tokens of the phrase.
        weights: a file of it; '' = the published one, downloaded if need be; 'random' = random weights, the
            same bits every time.

    Raises:
        EncoderError: the name is unknown, or the weights are absent or those of another model.
    """
    family, _, model = name.partition(":")
    if name == "toy":
        return TextEncoder(name, _toy(weights))
    if family != "open_clip" or not model:
        raise EncoderError(f"Unknown text encoder {name!r} in {_KEYS[0]}.{nearest(name, NAMES)}")
    try:
        tower = load_clip_text(model, weights)
    except EncoderError as error:
        told = str(error).replace("aio.encoder.name", _KEYS[0]).replace("aio.encoder.weights", _KEYS[1])
        raise EncoderError(told) from error
    return TextEncoder(name, lambda phrases: tower(encode(phrases, tower.context_length)))


def _toy(weights: str) -> Callable[[Sequence[str]], Tensor]:
    words = load_toy(weights=weights).word_embedding if weights != RANDOM else _random_words()
    if words is None:
        raise EncoderError(f"{weights} holds no word embedding; set {_KEYS[1]} to a file of the toy encoder, or to ''.")

    def embed(phrases: Sequence[str]) -> Tensor:
        ids = encode(phrases)[:, 1:]  # without the start token
        ends = (ids == END).int().argmax(dim=1, keepdim=True)
        inside = torch.arange(ids.shape[1]) < ends
        return (words[ids] * inside[..., None]).sum(1) / inside.sum(1, keepdim=True).clamp(min=1)

    return embed


def _random_words() -> Tensor:
    return seeded(lambda: torch.randn(VOCABULARY, _TOY_WIDTH))
