"""Floating-point operations that the method needs for a batch: those of matrix products and convolutions.

Padding, and what is computed twice, is not counted, nor what nobody reads in the encoder's last block; so the share of
the ceiling says how much of the machine works for the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from aio_plugin.modality import Batch
from aio_plugin.models.aio import AIO
from aio_plugin.models.sequence import draw_combination
from aio_plugin.tokenizers.bpe import lengths
from aio_plugin.tokenizers.image import PATCH, ImageTokenizer


@dataclass(frozen=True)
class Encoded:
    """A sequence by its tokens, and how many of them are read."""

    tokens: int
    read: int = 1


def sequences(model: AIO, batch: Batch, seed: int) -> list[Encoded]:
    """All that a training step encodes, for items with all four modalities; ``seed`` is the step's."""
    images = [batch[name] for name in model.tokenizers if name in batch and batch[name].dim() == 4]
    patches = images[0].shape[-2] * images[0].shape[-1] // PATCH**2
    words = lengths(batch["text"].cpu()).tolist()
    torch.manual_seed(seed)
    everything = torch.ones(len(words), len(images) + 1, dtype=torch.bool)
    chosen = draw_combination(everything, *model.shape.multimodal)[0].tolist()
    joined = sum(chosen[:-1]) * patches
    found = [Encoded(1 + patches)] * (len(images) * len(words))
    for count in words:
        found += [Encoded(1 + count), Encoded(1 + count, 1 + count), Encoded(1 + joined + chosen[-1] * count)]
    return found


def of_encoder(model: AIO, given: Sequence[Encoded], trained: bool = False) -> float:
    """Of the encoder, forward and backward, which costs a forward, or two where the weights are trained."""
    dim, depth = model.encoder.dim, len(model.encoder.blocks)
    weights = sum(layer.weight.numel() for layer in model.encoder.blocks[0].modules() if isinstance(layer, nn.Linear))
    key_value = 2 * dim * dim
    products = attention = 0
    for each in given:
        products += 2 * ((depth - 1) * weights + key_value) * each.tokens + 2 * (weights - key_value) * each.read
        attention += 4 * dim * each.tokens * ((depth - 1) * each.tokens + each.read)
    return float(products * (3 if trained else 2) + attention * 3)


def of_stems(model: AIO, batch: Batch) -> float:
    """Of the image tokenizers, forward and backward; the images themselves need no gradient."""
    total = 0.0
    for name, tokenizer in model.tokenizers.items():
        if isinstance(tokenizer, ImageTokenizer):
            images, side = len(batch[name]), batch[name].shape[-2] * batch[name].shape[-1]
            for layer in (*tokenizer.stem, tokenizer.projection):
                if isinstance(layer, nn.Conv2d):
                    places = side // 4 if layer is not tokenizer.projection else side // PATCH**2
                    passes = 2 if layer.in_channels == 3 else 3
                    total += passes * 2.0 * images * places * layer.weight.numel()
    return total


def of_step(model: AIO, batch: Batch, seed: int, trained: bool = False) -> float:
    """Of a training step: encoder, image tokenizers, and the classifier of identities."""
    given = sequences(model, batch, seed)
    features = 5 * len(batch["pid"])
    classifier = 3 * 2.0 * features * model.classifier.weight.numel()
    return of_encoder(model, given, trained) + of_stems(model, batch) + classifier
