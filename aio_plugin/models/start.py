"""Where the trainable parts of AIO start: the word embedding always pre-trained, the rest if asked."""

from __future__ import annotations

import torch
from torch import Tensor

from ..encoders.sources import Pretrained
from ..modality import Modality
from ..tokenizers.image import ImageTokenizer
from ..tokenizers.text import TextTokenizer
from .aio import AIO
from .sequence import ImagePositions, TextPositions, resize_positions


@torch.no_grad()
def start_from(model: AIO, pretrained: Pretrained, words: Tensor | None, tokenizers: bool) -> None:
    """Copy into ``model`` what its encoder's pre-training knows of tokenizers.

    Args:
        words: word embedding (V, W) of CLIP (AIO Sec. 3.1), or None to keep a random one.
        tokenizers: start stems, class tokens, positions and the final norm from the pre-training too, as
            far as it has them (``aio.tokenizer.start: pretrained``). Every image modality starts from
            the RGB one: infrared and drawings come with three channels, and the stem of RGB sees
            their edges.
    """
    if words is not None and Modality.TEXT in model.modalities:
        text = model.tokenizers[Modality.TEXT.value]
        assert isinstance(text, TextTokenizer)
        text.embedding.weight.copy_(words)
    if not tokenizers:
        return
    for modality in model.modalities:
        if modality.is_image:
            _start_image(model, modality, pretrained)
        else:
            _start_text(model, pretrained)
    if pretrained.class_token is not None:
        model.class_tokens.multimodal.copy_(pretrained.class_token)
    if "norm.weight" in pretrained.start:
        model.norm.weight.copy_(pretrained.start["norm.weight"])
        model.norm.bias.copy_(pretrained.start["norm.bias"])


def _start_image(model: AIO, modality: Modality, pretrained: Pretrained) -> None:
    if pretrained.class_token is not None:
        model.class_tokens.single[model.slot(modality)].copy_(pretrained.class_token)
    positions = model.positions[modality.value]
    assert isinstance(positions, ImagePositions)
    if pretrained.positions is not None and pretrained.grid is not None:
        positions.table.copy_(resize_positions(pretrained.positions, pretrained.grid, positions.grid))
    stem = model.tokenizers[modality.value]
    assert isinstance(stem, ImageTokenizer)
    if pretrained.stem is not None:
        stem.load_state_dict(pretrained.stem)


def _start_text(model: AIO, pretrained: Pretrained) -> None:
    name, start = Modality.TEXT.value, pretrained.start
    if "text.class_token" in start:
        model.class_tokens.single[model.slot(Modality.TEXT)].copy_(start["text.class_token"])
    if "text.positions" in start:
        positions = model.positions[name]
        assert isinstance(positions, TextPositions)
        length = min(len(positions.table), len(start["text.positions"]))
        positions.table[:length].copy_(start["text.positions"][:length])
    if "text.projection.weight" in start:
        text = model.tokenizers[name]
        assert isinstance(text, TextTokenizer)
        text.projection.weight.copy_(start["text.projection.weight"])
        if text.projection.bias is not None:
            text.projection.bias.copy_(start["text.projection.bias"])
