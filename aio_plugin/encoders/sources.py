"""Encoders by their names in the config: ``aio.encoder.name`` and ``aio.encoder.weights``."""

from __future__ import annotations

from torch import Tensor

from ..errors import EncoderError, nearest
from . import ENCODERS
from .clip import TAGS, download, word_embedding
from .files import read_file
from .meta_transformer import VARIANTS
from .pretrained import RANDOM, Pretrained

NAMES = (
    *(f"open_clip:{model}" for model in TAGS),
    *(f"meta_transformer:{variant}" for variant in VARIANTS),
    "timm:vit_base_patch16_224",
    "timm:vit_small_patch16_224",
    "toy",
)
"""Names to suggest; every other ViT of open_clip and timm is accepted too."""

WORDS_MODEL = "ViT-L-14"


def load_encoder(name: str, weights: str = "") -> Pretrained:
    """The frozen encoder ``name`` and what its file holds for the tokenizers.

    Args:
        name: ``open_clip:<model>``, ``timm:<model>``, ``meta_transformer:base_patch16``,
            ``meta_transformer:large_patch14``, ``toy``, or that of a registered source, with or without ``:<model>``.
        weights: a file of that encoder; '' = the published one, downloaded if need be (``toy``: the one
            shipped); 'random' = random weights, the same bits for the same name.

    Raises:
        EncoderError: the name is unknown (the message names the nearest), the file is absent or of another
            encoder, or there is no network to download it with.
    """
    source, _, model = name.partition(":")
    if source not in ENCODERS:
        known = (*NAMES, *ENCODERS.outside())
        raise EncoderError(f"Unknown encoder {name!r} in aio.encoder.name.{nearest(name, known)}")
    pretrained = ENCODERS[source](model, weights)
    if not isinstance(pretrained, Pretrained):
        raise EncoderError(
            f"The encoder source {source!r} ({ENCODERS.origin(source)}) gave {type(pretrained).__name__} for "
            f"{name!r}; it must give an aio_plugin.encoders.pretrained.Pretrained."
        )
    return pretrained


def load_word_embedding(weights: str = "") -> Tensor:
    """CLIP's word embedding (V, W) from an open_clip file.

    Args:
        weights: the file; '' = open_clip's ViT-L-14, pre-trained on LAION-2B (W = 768), downloaded if need be.

    Raises:
        EncoderError: the file is absent or holds no word embedding; names the config key aio.text.weights.
    """
    key = "aio.text.weights"
    if weights == RANDOM:
        raise EncoderError(f"A random word embedding has no file; {key} 'random' is handled by the model.")
    try:
        path = weights or download(WORDS_MODEL, TAGS[WORDS_MODEL], f"open_clip:{WORDS_MODEL}")
    except EncoderError as error:
        raise EncoderError(str(error).replace("aio.encoder.weights", key)) from error
    table = word_embedding(read_file(path, key))
    if table is None or table.ndim != 2:
        raise EncoderError(f"{path} holds no word embedding; set {key} to a file of a whole open_clip model.")
    return table
