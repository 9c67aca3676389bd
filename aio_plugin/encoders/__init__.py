"""Tokens to features: pre-trained vision transformers, frozen, and where their weights come from.

A source of encoders from outside comes in by :func:`aio_plugin.register_encoder` or an entry point of the group
``aio_plugin.encoders``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import EncoderError
from ..registry import Registry

if TYPE_CHECKING:
    from .pretrained import Pretrained

    LoadEncoder = Callable[[str, str], Pretrained]


def _check(name: str, load: object) -> None:
    if not callable(load):
        raise EncoderError(f"Encoder source {name!r} is {load!r}, not a function (model, weights) -> Pretrained.")


ENCODERS: Registry[LoadEncoder] = Registry(
    "encoder source",
    "aio_plugin.encoders",
    {
        "open_clip": f"{__name__}.clip:load_clip",
        "timm": f"{__name__}.vit:load_timm",
        "meta_transformer": f"{__name__}.meta_transformer:load_meta_transformer",
        "toy": f"{__name__}.toy:load_toy",
    },
    _check,
    EncoderError,
)
"""What loads ``aio.encoder.name``, by the part before the colon; torch is imported when one is asked for."""

NAMES = (
    "open_clip:ViT-B-16",
    "open_clip:ViT-L-14",
    "meta_transformer:base_patch16",
    "meta_transformer:large_patch14",
    "timm:vit_base_patch16_224",
    "timm:vit_small_patch16_224",
    "toy",
)
"""Names to suggest; every other ViT of open_clip and timm is accepted too."""
