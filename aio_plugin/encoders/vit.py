"""Any of timm's vision transformers: ``timm:<name>``, https://github.com/huggingface/pytorch-image-models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import EncoderError, nearest
from ..torchvision_import import repair_torchvision
from .files import below, load_strictly, read_file
from .frozen import FrozenEncoder
from .pretrained import RANDOM, Pretrained, image_start, layer_start, offline_if_unreachable, seeded, weights_not_found


def load_timm(model: str, weights: str) -> Pretrained:
    """``timm:<model>``; see :func:`.pretrained.load_encoder`."""
    name = f"timm:{model}"
    network = _create(model, name, pretrained=not weights)
    blocks, patch = _blocks(network, name), _patch(network)
    norm = getattr(network, "norm_pre", None)
    norm = norm if isinstance(norm, nn.LayerNorm) else None
    if weights == RANDOM:
        return Pretrained(FrozenEncoder(blocks, name, norm), patch=patch)
    state = read_file(weights) if weights else network.state_dict()
    path = weights or "timm's own file"
    load_strictly(blocks, below(state, "blocks."), f"encoder {name!r}", path)
    if norm is not None:
        load_strictly(norm, below(state, "norm_pre."), f"the first norm of encoder {name!r}", path)
    return Pretrained(FrozenEncoder(blocks, name, norm), patch=patch, **_rest(state, network))


def _patch(network: nn.Module) -> int | None:
    """Side of the square patches that one convolution cuts; None for other patch embeddings."""
    convolution = getattr(getattr(network, "patch_embed", None), "proj", None)
    size = getattr(convolution, "kernel_size", (0, 1))
    return int(size[0]) if size[0] == size[1] and size == getattr(convolution, "stride", None) else None


def _create(model: str, name: str, pretrained: bool) -> nn.Module:
    repair_torchvision()
    import timm

    if not timm.is_model(model):
        guess = nearest(model, timm.list_models("*vit*"))
        guess = guess if "mean" in guess else ""  # not a list of hundreds of names
        cure = "Set aio.encoder.name to 'timm:' and a ViT of timm.list_models()."
        raise EncoderError(f"timm knows no model {model!r}.{guess} {cure}")
    try:
        with offline_if_unreachable():
            network: nn.Module = seeded(lambda: timm.create_model(model, pretrained=pretrained, num_classes=0))
            return network
    except Exception as error:  # hub, network and timm raise many types of errors
        if not pretrained:
            raise EncoderError(f"timm cannot build {name!r}: {error}. Set aio.encoder.name to another.") from error
        hub = (timm.get_pretrained_cfg(model) or timm.models.PretrainedCfg()).hf_hub_id
        source = f"https://huggingface.co/{hub}" if hub else "timm's model list"
        raise weights_not_found(name, "model.safetensors", source, error) from error


def _blocks(network: nn.Module, name: str) -> nn.Sequential:
    """The transformer blocks of ``network``, checked on sequences of two lengths.

    Raises:
        EncoderError: there are none, or they need other inputs than tokens.
    """
    refusal = f"{name!r} has no blocks that encode a bare sequence of tokens of any length"
    advice = "set aio.encoder.name to a plain ViT, like 'timm:vit_small_patch16_224'"
    blocks = getattr(network, "blocks", None)
    if not isinstance(blocks, nn.Sequential | nn.ModuleList) or not len(blocks):
        raise EncoderError(f"{refusal}; {advice}.")
    if getattr(network, "rope", None) is not None:
        raise EncoderError(f"{refusal}: their attention needs rotary positions; {advice}.")
    sequence = nn.Sequential(*blocks).eval()
    width = int(getattr(network, "embed_dim", 0) or getattr(network, "num_features", 0))
    inputs = [torch.zeros(2, length, width) for length in (5, 8)]
    try:
        with torch.no_grad():
            fits = all(sequence(tokens).shape == tokens.shape for tokens in inputs)
    except Exception as error:  # blocks that do not fit raise any type of error
        raise EncoderError(f"{refusal} ({str(error).splitlines()[0][:120]}); {advice}.") from error
    if not fits:
        raise EncoderError(f"{refusal}; {advice}.")
    return sequence


def _rest(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Any]:
    """The fields of Pretrained apart from the encoder."""
    table = state.get("pos_embed")
    bare = getattr(network, "no_embed_class", False)
    prefix = 0 if bare else int(getattr(network, "num_prefix_tokens", 1))
    images = image_start(state.get("cls_token"), table[0] if table is not None and table.ndim == 3 else None, prefix)
    return {**images, "start": layer_start(state, norm="norm", patch="patch_embed.proj")}
