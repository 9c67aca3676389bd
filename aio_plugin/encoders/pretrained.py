"""What a source of encoders returns, and what the sources share: seeded initialisation, downloads, start values."""

from __future__ import annotations

import contextlib
import math
import socket
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from ..errors import EncoderError, nearest
from ..torchvision_import import repair_torchvision
from . import ENCODERS, NAMES
from .frozen import FrozenEncoder

RANDOM = "random"
"""``weights`` for seeded random ones."""

PARTS = ("weight", "bias")

_T = TypeVar("_T")


@dataclass
class Pretrained:
    """An encoder and what its file holds for the tokenizers; None for what it does not hold.

    Attributes:
        encoder: the blocks, frozen.
        class_token: (D), for images.
        positions: (N, D) of the patches, without the class token.
        grid: (h, w) of ``positions``, h * w = N.
        word_embedding: (V, W).
        stem: state dict of an ImageTokenizer.
        patch: side in pixels of the patches of the encoder's own patch embedding.
        start: further tensors by name: ``norm.weight`` and ``norm.bias`` (D) of the last norm, ``patch.weight``
            (D, 3, p, p) and ``patch.bias`` of the patch embedding.
    """

    encoder: FrozenEncoder
    class_token: Tensor | None = None
    positions: Tensor | None = None
    grid: tuple[int, int] | None = None
    word_embedding: Tensor | None = None
    stem: dict[str, Tensor] | None = None
    patch: int | None = None
    start: dict[str, Tensor] = field(default_factory=dict)


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


def image_start(token: Tensor | None, table: Tensor | None, prefix: int) -> dict[str, Any]:
    """``class_token``, ``positions`` and ``grid`` of Pretrained, if available.

    AIO's class tokens have no position, so the position of the file's class token is added to it.

    Args:
        token: class token, D values in any shape.
        table: (prefix + N, D) positions, the first ``prefix`` of which are not those of patches.
    """
    start: dict[str, Any] = {}
    if token is not None:
        start["class_token"] = token.detach().float().flatten()
    if table is None:
        return start
    if token is not None and prefix:
        start["class_token"] = start["class_token"] + table[0].detach().float()
    side = math.isqrt(len(table) - prefix)
    if side * side == len(table) - prefix:
        start.update(positions=table[prefix:].detach().float(), grid=(side, side))
    return start


def layer_start(state: Mapping[str, Tensor], **layers: str) -> dict[str, Tensor]:
    """``<name>.weight`` and ``<name>.bias`` of layers in a state dict, if available; ``layers``: their names there."""
    parts = {f"{name}.{part}": state.get(f"{layer}.{part}") for name, layer in layers.items() for part in PARTS}
    return {key: value.detach().float() for key, value in parts.items() if value is not None}


def vit_blocks(width: int, depth: int, heads: int, **options: Any) -> nn.Sequential:
    """Plain ViT blocks of timm with further ``options``; the random initialisation is always the same."""
    repair_torchvision()
    from timm.models.vision_transformer import Block

    options = {"qkv_bias": True, "norm_layer": nn.LayerNorm, **options}
    return seeded(lambda: nn.Sequential(*[Block(width, heads, **options) for _ in range(depth)]))


def seeded(build: Callable[[], _T], seed: int = 0) -> _T:
    """The result of ``build()`` with torch's CPU generator seeded; the generator's state is restored."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach the GPU's generators too
        return build()


def weights_not_found(name: str, file: str, source: str, cause: BaseException | None = None) -> EncoderError:
    """The error for weights that are neither on disk nor downloadable."""
    reason = f" ({type(cause).__name__}: {str(cause).strip().splitlines()[0][:160]})" if cause and str(cause) else ""
    return EncoderError(
        f"The weights of encoder {name!r} could not be downloaded{reason}. Get {file} from {source} and set "
        "aio.encoder.weights to its path, or to 'random' for a test without weights."
    )


@contextlib.contextmanager
def offline_if_unreachable() -> Iterator[None]:
    """Look into the hub's cache only, instead of retrying for a minute, if its host name cannot be resolved."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _resolves(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _resolves(url: str) -> bool:
    if urllib.request.getproxies():  # the proxy resolves names
        return True
    try:
        socket.getaddrinfo(urlparse(url).hostname, None)
    except OSError:
        return False
    return True
