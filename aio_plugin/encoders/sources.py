"""Encoders by their names in the config: ``aio.encoder.name`` and ``aio.encoder.weights``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from ..errors import EncoderError, nearest
from .clip import TAGS, download, load_clip, word_embedding
from .files import read_file
from .meta_transformer import VARIANTS, load_meta_transformer
from .pretrained import RANDOM, Pretrained
from .toy import load_toy, save_toy
from .vit import load_timm

__all__ = ["NAMES", "Pretrained", "load", "load_word_embedding", "save_toy"]

_FAMILIES: Mapping[str, Callable[[str, str], Pretrained]] = {
    "open_clip": load_clip,
    "timm": load_timm,
    "meta_transformer": load_meta_transformer,
}

NAMES = (
    *(f"open_clip:{model}" for model in TAGS),
    *(f"meta_transformer:{variant}" for variant in VARIANTS),
    "timm:vit_base_patch16_224",
    "timm:vit_small_patch16_224",
    "toy",
)
"""Names to suggest; every ViT of open_clip and timm is known besides."""

WORDS_MODEL = "ViT-L-14"


def load(name: str, weights: str = "") -> Pretrained:
    """The frozen encoder ``name`` and what its file holds for the tokenizers.

    Args:
        name: ``open_clip:<model>``, ``timm:<model>``, ``meta_transformer:base_patch16``,
            ``meta_transformer:large_patch14`` or ``toy``.
        weights: a file of that encoder; '' = the published one, downloaded if need be (``toy``: the one
            shipped); 'random' = random weights, the same bits for the same name.

    Raises:
        EncoderError: the name is unknown (the message names the nearest), the file is absent or of another
            encoder, or there is no network to download it with.
    """
    family, _, model = name.partition(":")
    if name == "toy":
        return load_toy(weights)
    if family not in _FAMILIES or not model:
        raise EncoderError(f"Unknown encoder {name!r} in aio.encoder.name.{nearest(name, NAMES)}")
    return _FAMILIES[family](model, weights)


def load_word_embedding(weights: str = "") -> Tensor:
    """CLIP's word embedding (V, W) from an open_clip file.

    Args:
        weights: the file; '' = open_clip's ViT-L-14, pre-trained on LAION-2B (W = 768), downloaded if need be.

    Raises:
        EncoderError: the file is absent or holds no word embedding; names the config key aio.text.weights.
    """
    key = "aio.text.weights"
    if weights == RANDOM:
        raise EncoderError(f"A random word embedding needs no file: {key} 'random' is the model's own business.")
    try:
        path = weights or download(WORDS_MODEL, TAGS[WORDS_MODEL], f"open_clip:{WORDS_MODEL}")
    except EncoderError as error:
        raise EncoderError(str(error).replace("aio.encoder.weights", key)) from error
    table = word_embedding(read_file(path, key))
    if table is None or table.ndim != 2:
        raise EncoderError(f"{path}: holds no word embedding; set {key} to a file of a whole open_clip model.")
    return table
