"""open_clip's image encoders as timm blocks: ``open_clip:<model>``.

Cherti et al., Reproducible Scaling Laws for Contrastive Language-Image Learning, CVPR 2023,
https://arxiv.org/abs/2212.07143. AIO's encoder is of this kind: a ViT contrastively pre-trained on LAION-2B.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import EncoderError, nearest
from ..torchvision_import import repair_torchvision
from .files import below, load_strictly, read_file
from .frozen import FrozenEncoder
from .pretrained import (
    RANDOM,
    Pretrained,
    image_start,
    layer_start,
    offline_if_unreachable,
    seeded,
    vit_blocks,
    weights_not_found,
)

TAGS = {"ViT-B-16": "laion2b_s34b_b88k", "ViT-L-14": "laion2b_s32b_b82k"}
"""The pre-training of a model; for other models the first on LAION-2B, else the first."""

NAMES = {
    "ln_1": "norm1",
    "attn.in_proj_": "attn.qkv.",
    "attn.out_proj": "attn.proj",
    "ln_2": "norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "ls_1.gamma": "ls1.gamma",
    "ls_2.gamma": "ls2.gamma",
}
"""Prefixes of open_clip's names inside a residual block -> timm's."""

WORDS = ("token_embedding.weight", "text.token_embedding.weight")
WORDS_MODEL = "ViT-L-14"

_BLOCKS, _PRE_NORM = "visual.transformer.resblocks.", "visual.ln_pre."
_TEXT = ("token_embedding.", "positional_embedding", "transformer.", "ln_final.", "text_projection")
_PLAIN_TEXT = {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio", "ls_init_value"}
_PLAIN = ("block_type", "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc")


class QuickGELU(nn.Module):
    """x * sigmoid(1.702 x), OpenAI's approximation of GELU; some weights were trained with it."""

    def forward(self, x: Tensor) -> Tensor:
        """Shape: any -> the same."""
        return x * torch.sigmoid(1.702 * x)


def load_clip(model: str, weights: str) -> Pretrained:
    """``open_clip:<model>``; see :func:`.pretrained.load_encoder`."""
    name = f"open_clip:{model}"
    config, published = _configs(model, weights)
    vision = config["vision_cfg"]
    blocks, patch = _blocks(config, name), int(vision.get("patch_size", 16))
    norm = _norm_layer(vision)(vision.get("width", 768)) if not vision.get("no_ln_pre") else None
    if weights == RANDOM:
        return Pretrained(FrozenEncoder(blocks, name, norm), patch=patch)
    path = weights or download(name, published)
    state = read_file(path)
    load_strictly(blocks, convert(state), f"encoder {name!r}", path)
    if norm is not None:
        load_strictly(norm, below(state, _PRE_NORM), f"the first norm of encoder {name!r}", path)
    images = image_start(state.get("visual.class_embedding"), state.get("visual.positional_embedding"), prefix=1)
    start, words = layer_start(state, norm="visual.ln_post", patch="visual.conv1"), word_embedding(state)
    encoder = FrozenEncoder(blocks, name, norm)
    return Pretrained(encoder, patch=patch, **images, word_embedding=words, start=start)


def load_clip_text(model: str, weights: str) -> Any:
    """The text transformer of ``open_clip:<model>``: ids (B, L) -> (B, W), as open_clip's own.

    Raises:
        EncoderError: the model is unknown, its text encoder is not a plain CLIP's, or the weights do not fit.
    """
    name = f"open_clip:{model}"
    config, published = _configs(model, weights)
    from open_clip.transformer import TextTransformer

    text, width = dict(config["text_cfg"]), int(config["embed_dim"])
    if set(text) - _PLAIN_TEXT:
        raise EncoderError(
            f"The text encoder of {name!r} is not a plain CLIP's; set aio.encoder.name to another model."
        )
    activation = QuickGELU if config["quick_gelu"] else nn.GELU
    tower: nn.Module = seeded(lambda: TextTransformer(**text, output_dim=width, act_layer=activation))
    if weights != RANDOM:
        path = weights or download(name, published)
        state = {key.removeprefix("text."): value for key, value in read_file(path).items()}
        own = {key: value for key, value in state.items() if key.startswith(_TEXT)}
        load_strictly(tower, own, f"the text encoder of {name!r}", path)
    return tower.eval().requires_grad_(False)


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The image encoder's blocks of an open_clip state dict, with timm's names."""
    converted = {}
    for key, value in state.items():
        if key.startswith(_BLOCKS):
            index, _, inside = key.removeprefix(_BLOCKS).partition(".")
            old = next((old for old in NAMES if inside.startswith(old)), "")
            converted[f"{index}.{NAMES.get(old, '')}{inside.removeprefix(old)}"] = value
    return converted


def word_embedding(state: Mapping[str, Tensor]) -> Tensor | None:
    """The text encoder's word embedding (V, W) in open_clip's state dict, if it is there."""
    return next((state[key].float() for key in WORDS if key in state), None)


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
        path = weights or download(f"open_clip:{WORDS_MODEL}", _configs(WORDS_MODEL)[1])
    except EncoderError as error:
        raise EncoderError(str(error).replace("aio.encoder.weights", key)) from error
    table = word_embedding(read_file(path, key))
    if table is None or table.ndim != 2:
        raise EncoderError(f"{path} holds no word embedding; set {key} to a file of a whole open_clip model.")
    return table


def download(name: str, published: Mapping[str, Any]) -> str:
    """Path of open_clip's published weights, from the hub's cache or downloaded into it.

    Args:
        name: the encoder, for the error.
        published: open_clip's config of the weights.

    Raises:
        EncoderError: they cannot be downloaded; says where to get them.
    """
    from open_clip import download_pretrained

    hub = str(published.get("hf_hub", "")).rstrip("/")
    source = f"https://huggingface.co/{hub}" if hub else str(published.get("url", "open_clip's model list"))
    try:
        with offline_if_unreachable():
            return str(download_pretrained(dict(published)))
    except Exception as error:  # hub, network and file system raise many types of errors
        files = "open_clip_model.safetensors or open_clip_pytorch_model.bin"
        raise weights_not_found(name, files, source, error) from error


def _blocks(config: Mapping[str, Any], name: str) -> nn.Sequential:
    vision = config["vision_cfg"]
    if vision.get("timm_model_name") or not isinstance(vision.get("layers", 12), int):
        raise EncoderError(
            f"The image encoder of {name!r} is not a CLIP ViT; set aio.encoder.name to one of open_clip's ViT models, "
            "or to 'timm:<name>'."
        )
    if any(vision.get(key) for key in _PLAIN):
        raise EncoderError(f"The blocks of {name!r} are not plain ViT blocks; set aio.encoder.name to another model.")
    width = vision.get("width", 768)
    return vit_blocks(
        width,
        vision.get("layers", 12),
        width // vision.get("head_width", 64),
        mlp_ratio=vision.get("mlp_ratio", 4.0),
        init_values=vision.get("ls_init_value"),
        act_layer=QuickGELU if config["quick_gelu"] else partial(nn.GELU, **(vision.get("act_kwargs") or {})),
        norm_layer=_norm_layer(vision),
    )


def _norm_layer(vision: Mapping[str, Any]) -> Callable[[int], nn.LayerNorm]:
    return partial(nn.LayerNorm, **(vision.get("norm_kwargs") or {}))


def _configs(model: str, weights: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """open_clip's configs of a model and of its published weights, which determine ``quick_gelu`` if they are used."""
    repair_torchvision()
    import open_clip

    config = open_clip.get_model_config(model) if model in open_clip.list_models() else None
    if config is None:
        raise EncoderError(
            f"open_clip knows no model {model!r}.{nearest(model, open_clip.list_models())} Set aio.encoder.name to it."
        )
    tags = open_clip.list_pretrained_tags_by_model(model)
    tag = TAGS.get(model) or next((tag for tag in tags if "laion2b" in tag), tags[0] if tags else "")
    published = dict(open_clip.get_pretrained_cfg(model, tag))
    quick = config.get("quick_gelu", False) or (published.get("quick_gelu", False) and not weights)
    return {**config, "quick_gelu": quick}, published
