"""Phrases to vectors by a frozen text encoder: ``open_clip:<model>`` or ``toy``.

DMF's Text Translation: "Text Encoder -> token"; there are few phrases, so each is encoded once, before training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


@torch.no_grad()
def embed_phrases(phrases: Sequence[str], name: str, weights: str = "") -> Tensor:
    """(V, W) float32, one row per phrase, each with root mean square 1.

    The rows are scaled because encoders differ by orders of magnitude, and the projection after them has one
    initialisation.

    Args:
        name: ``open_clip:<model>``: the text transformer's output at the end token, projected; or ``toy``: the mean
            of the toy encoder's word embedding over the tokens of the phrase.
        weights: a file of it; '' = the published one, downloaded if need be; 'random' = random weights, the
            same bits every time.

    Raises:
        EncoderError: the name is unknown, or the weights are absent or those of another model.
    """
    embed = _toy(weights) if name == "toy" else _clip(name, weights)
    rows = torch.cat([embed(phrases[at : at + _AT_ONCE]).float() for at in range(0, len(phrases), _AT_ONCE)])
    return rows / rows.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-6)


def _clip(name: str, weights: str) -> Callable[[Sequence[str]], Tensor]:
    family, _, model = name.partition(":")
    if family != "open_clip" or not model:
        raise EncoderError(f"Unknown text encoder {name!r} in {_KEYS[0]}.{nearest(name, NAMES)}")
    try:
        tower = load_clip_text(model, weights)
    except EncoderError as error:
        message = str(error).replace("aio.encoder.name", _KEYS[0]).replace("aio.encoder.weights", _KEYS[1])
        raise EncoderError(message) from error
    return lambda phrases: tower(encode(phrases, tower.context_length))


def _toy(weights: str) -> Callable[[Sequence[str]], Tensor]:
    if weights == RANDOM:
        words: Tensor | None = seeded(lambda: torch.randn(VOCABULARY, _TOY_WIDTH))
    else:
        words = load_toy(weights=weights).word_embedding
    if words is None:
        raise EncoderError(f"{weights} holds no word embedding; set {_KEYS[1]} to a file of the toy encoder, or to ''.")

    def embed(phrases: Sequence[str]) -> Tensor:
        ids = encode(phrases)[:, 1:]  # without the start token
        ends = (ids == END).int().argmax(dim=1, keepdim=True)
        inside = torch.arange(ids.shape[1]) < ends
        return (words[ids] * inside[..., None]).sum(1) / inside.sum(1, keepdim=True).clamp(min=1)

    return embed
