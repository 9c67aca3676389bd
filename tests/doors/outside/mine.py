"""A source of encoders: plain ViT blocks of two sizes, ``mine:small`` and ``mine:large``, from a file of one's own."""

import torch
from timm.models.vision_transformer import Block

import aio_plugin
from aio_plugin.encoders.frozen import FrozenEncoder
from aio_plugin.encoders.pretrained import RANDOM, Pretrained, seeded
from aio_plugin.errors import EncoderError

WIDTHS = {"small": 48, "large": 96}


@aio_plugin.register_encoder("mine")
def load(model, weights):
    """The encoder of that size; there is no file to download, so a file or 'random' is needed."""
    if model not in WIDTHS:
        raise EncoderError(f"There is no encoder 'mine:{model}'; set aio.encoder.name to 'mine:small' or 'mine:large'.")
    blocks = seeded(lambda: torch.nn.Sequential(*[Block(WIDTHS[model], 4, qkv_bias=True) for _ in range(2)]))
    if weights != RANDOM:
        blocks.load_state_dict(torch.load(weights, weights_only=True))
    return Pretrained(FrozenEncoder(blocks, f"mine:{model}"))
