"""Where training starts: from the encoder's pre-training, or in DMF's stage two from the checkpoint of stage one.

AIO's word embedding always starts pre-trained, its other trainable parts if asked.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..encoders.files import read_file, state_dict_faults
from ..encoders.pretrained import Pretrained
from ..errors import CheckpointError, EncoderError
from ..modality import Modality
from ..tokenizers.image import ImageTokenizer, PatchTokenizer
from ..tokenizers.text import TextTokenizer
from .aio import AIO
from .branches import ImageBranch
from .dmf import DMF
from .sequence import ImagePositions, TextPositions, resize_positions

_UNTOUCHED = ("text.", "classifier.")
_KEY = "aio.dmf.start"


@torch.no_grad()
def start_aio(
    model: AIO, pretrained: Pretrained, words: Tensor | None, tokenizers: bool = False, text: bool = False
) -> None:
    """Copy the start values of the tokenizers in ``pretrained`` into ``model``.

    Args:
        words: word embedding (V, W) of CLIP (AIO Sec. 3.1), or None to keep a random one.
        tokenizers: start stems, class tokens, positions and the final norm from the pre-training too, if
            it has them (``aio.tokenizer.start: pretrained``). Every image modality starts from RGB:
            infrared images and drawings have three channels, and RGB's stem responds to their edges.
        text: the same of the text tokenizer (``aio.text.start``).
    """
    if Modality.TEXT in model.modalities:
        if words is not None:
            tokenizer = model.tokenizers[Modality.TEXT.value]
            assert isinstance(tokenizer, TextTokenizer)
            tokenizer.embedding.weight.copy_(words)
        if text:
            _start_text(model, Modality.TEXT, pretrained)
    if not tokenizers:
        return
    for modality in model.modalities:
        if modality.is_image:
            _start_image(model, modality, pretrained)
    if pretrained.class_token is not None:
        model.class_tokens.multimodal.copy_(pretrained.class_token)
    _start_layer(model.norm, pretrained, "norm")


def _start_layer(layer: nn.Module, pretrained: Pretrained, name: str) -> None:
    """Copy ``<name>.weight`` and ``<name>.bias``, where available."""
    for part, parameter in layer.named_parameters(recurse=False):
        parameter.copy_(pretrained.start.get(f"{name}.{part}", parameter))


def _start_positions(positions: nn.Module, pretrained: Pretrained) -> None:
    assert isinstance(positions, ImagePositions)
    if pretrained.positions is not None and pretrained.grid is not None:
        positions.table.copy_(resize_positions(pretrained.positions, pretrained.grid, positions.grid))


def _start_image(model: AIO, modality: Modality, pretrained: Pretrained) -> None:
    if pretrained.class_token is not None:
        model.class_tokens.single[model.slot(modality)].copy_(pretrained.class_token)
    _start_positions(model.positions[modality.value], pretrained)
    stem = model.tokenizers[modality.value]
    if pretrained.stem is not None and isinstance(stem, ImageTokenizer):  # a modality may have a stem of its own
        stem.load_state_dict(pretrained.stem)


def _start_text(model: AIO, modality: Modality, pretrained: Pretrained) -> None:
    name, start = modality.value, pretrained.start
    if "text.class_token" in start:
        model.class_tokens.single[model.slot(modality)].copy_(start["text.class_token"])
    if "text.positions" in start:
        positions = model.positions[name]
        assert isinstance(positions, TextPositions)
        length = min(len(positions.table), len(start["text.positions"]))
        positions.table[:length].copy_(start["text.positions"][:length])
    text = model.tokenizers[name]
    assert isinstance(text, TextTokenizer)
    _start_layer(text.projection, pretrained, "text.projection")


@torch.no_grad()
def start_dmf(model: DMF, pretrained: Pretrained) -> None:
    """Copy what the encoder's file holds besides the blocks into ``model``: the image side of a whole ViT.

    Raises:
        EncoderError: the file has no patch embedding of the model's size.
    """
    image, token = model.image, pretrained.class_token
    _start_patches(image, pretrained)
    _start_positions(image.positions, pretrained)
    if token is not None:  # the trunk's class token does not pass through the image branch and its norm
        model.trunk.class_token.copy_(token if image.pre_norm is None else image.pre_norm(token))
    _start_layer(model.trunk.norm, pretrained, "norm")


def _start_patches(image: ImageBranch, pretrained: Pretrained) -> None:
    tokenizer, weight = image.tokenizer, pretrained.start.get("patch.weight")
    own = tokenizer.projection
    assert isinstance(own, nn.Conv2d)
    if isinstance(tokenizer, ImageTokenizer) and pretrained.stem is not None:
        tokenizer.load_state_dict(pretrained.stem)
    elif isinstance(tokenizer, PatchTokenizer) and weight is not None and weight.shape == own.weight.shape:
        nn.init.zeros_(own.bias)  # type: ignore[arg-type]
        _start_layer(own, pretrained, "patch")
    else:
        raise EncoderError(
            f"The file of encoder {pretrained.encoder.name!r} has no patch embedding of RGB images, and DMF starts "
            "from a whole ViT; set aio.encoder.name to one of open_clip's or timm's, like 'open_clip:ViT-B-16'."
        )


def start_dmf_from_checkpoint(model: DMF, path: str) -> None:
    """Copy image branch, trunk and bottleneck of a checkpoint of stage one, but not its text branch and classifier.

    Raises:
        CheckpointError: the file cannot be read, or is of another method or of a DMF with other sizes.
    """
    try:
        state = read_file(path, _KEY)
    except EncoderError as error:
        raise CheckpointError(str(error)) from error
    if "trunk.class_token" not in state or "image.projection.weight" not in state:
        raise CheckpointError(
            f"{path} is not a checkpoint of DMF; set {_KEY} to that of stage one, such as "
            "<its data.save_dir>/model/last.pth.tar."
        )
    kept = {name: value for name, value in state.items() if not name.startswith(_UNTOUCHED)}
    own = {name: value for name, value in model.state_dict().items() if not name.startswith(_UNTOUCHED)}
    wrong = state_dict_faults(own, kept)
    if wrong:
        raise CheckpointError(
            f"{path} is a checkpoint of another DMF model: it {', '.join(wrong)}. Set model.name, aio.encoder.name, "
            "aio.tokenizer.image_size and the depths below aio.dmf as in stage one, or set "
            f"{_KEY} to another checkpoint."
        )
    model.load_state_dict(kept, strict=False)
