"""Meta-Transformer's encoders, AIO's own choice: ``meta_transformer:base_patch16`` and ``...:large_patch14``.

Zhang et al., Meta-Transformer: A Unified Framework for Multimodal Learning, 2023,
https://arxiv.org/abs/2307.10802. The files are bare sequences of ViT blocks: no patches, class token, positions
or last norm.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import torch

from ..errors import EncoderError, nearest
from .files import load_strictly, read_file
from .frozen import FrozenEncoder
from .pretrained import RANDOM, Pretrained, vit_blocks, weights_not_found


class Variant(NamedTuple):
    """Sizes of an encoder, and its file on Google Drive as the project's README links it."""

    width: int
    depth: int
    heads: int
    file: str
    drive: str


_FILE = "Meta-Transformer_{}_encoder.pth"
VARIANTS = {
    "base_patch16": Variant(768, 12, 12, _FILE.format("base_patch16"), "19ahcN2QKknkir_bayhTW5rucuAiX0OXq"),
    "large_patch14": Variant(1024, 24, 16, _FILE.format("large_patch14"), "15EtzCBAQSqmelhdLz6k880A19_RpcX9B"),
}

README = "the model zoo in the README of https://github.com/invictus717/MetaTransformer"


def load_meta_transformer(variant: str, weights: str) -> Pretrained:
    """``meta_transformer:<variant>``; see :func:`.pretrained.load_encoder`."""
    if variant not in VARIANTS:
        raise EncoderError(f"Meta-Transformer has no encoder {variant!r}.{nearest(variant, VARIANTS)}")
    name = f"meta_transformer:{variant}"
    sizes = VARIANTS[variant]
    blocks = vit_blocks(sizes.width, sizes.depth, sizes.heads)
    if weights != RANDOM:
        path = weights or _download(sizes, name)
        load_strictly(blocks, read_file(path), f"encoder {name!r}", path)
    return Pretrained(FrozenEncoder(blocks, name))


def _download(variant: Variant, name: str) -> str:
    """Path of the published file in torch hub's cache, fetched with gdown if it is not there."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / variant.file
    if path.is_file():
        return str(path)
    import gdown

    part = path.with_suffix(f".{os.getpid()}.part")  # an interrupted download must not have the file's name
    cause: BaseException | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if gdown.download(id=variant.drive, output=str(part), quiet=False):
            os.replace(part, path)
            return str(path)
    except Exception as error:  # network, Google's quota and the file system each fail in their own ways
        cause = error
    finally:
        part.unlink(missing_ok=True)
    raise weights_not_found(name, variant.file, README, cause) from cause
