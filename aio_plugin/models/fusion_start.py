"""Where DMF starts: from its encoder's pre-training, or in stage two from the model that stage one left."""

from __future__ import annotations

import torch

from ..encoders.files import faults, read_file
from ..encoders.sources import Pretrained
from ..errors import CheckpointError, EncoderError
from ..tokenizers.image import ImageTokenizer
from .branches import ImageBranch
from .dmf import DMF
from .sequence import resize_positions

_LEFT = ("text.", "classifier.")
_KEY = "aio.dmf.start"


@torch.no_grad()
def start_from_encoder(model: DMF, pretrained: Pretrained) -> None:
    """Copy into ``model`` what its encoder's file holds beside the blocks: the image side of a whole ViT.

    Raises:
        EncoderError: the file has no patch embedding, or not one of the model's size.
    """
    start, image, trunk = pretrained.start, model.image, model.trunk
    _start_patches(image, pretrained)
    if pretrained.positions is not None and pretrained.grid is not None:
        image.positions.table.copy_(resize_positions(pretrained.positions, pretrained.grid, image.positions.grid))
    token = pretrained.class_token
    if image.pre_norm is not None and "pre_norm.weight" in start:
        image.pre_norm.weight.copy_(start["pre_norm.weight"])
        image.pre_norm.bias.copy_(start["pre_norm.bias"])
        token = image.pre_norm(token) if token is not None else None
    if token is not None:
        trunk.class_token.copy_(token)
    if "norm.weight" in start:
        trunk.norm.weight.copy_(start["norm.weight"])
        trunk.norm.bias.copy_(start["norm.bias"])


def _start_patches(image: ImageBranch, pretrained: Pretrained) -> None:
    tokenizer, start = image.tokenizer, pretrained.start
    if isinstance(tokenizer, ImageTokenizer) and pretrained.stem is not None:
        tokenizer.load_state_dict(pretrained.stem)
        return
    weight = start.get("patch.weight")
    own = getattr(tokenizer, "projection").weight  # noqa: B009 -- both tokenizers have one
    if isinstance(tokenizer, ImageTokenizer) or weight is None or weight.shape != own.shape:
        raise EncoderError(
            f"The file of encoder {pretrained.encoder.name!r} has no patch embedding of RGB images, and DMF starts "
            "from a whole ViT; set aio.encoder.name to one of open_clip's or timm's, like 'open_clip:ViT-B-16'."
        )
    own.copy_(weight)
    bias = getattr(tokenizer, "projection").bias  # noqa: B009
    bias.copy_(start.get("patch.bias", torch.zeros_like(bias)))


def start_from_checkpoint(model: DMF, path: str) -> None:
    """Copy image branch, trunk and bottleneck of a checkpoint of stage one; its text and classifier are left.

    Raises:
        CheckpointError: the file is absent or unreadable, of another method, or of a DMF of other sizes.
    """
    try:
        state = read_file(path, _KEY)
    except EncoderError as error:
        raise CheckpointError(str(error)) from error
    if "trunk.class_token" not in state or "image.projection.weight" not in state:
        raise CheckpointError(
            f"{path} is no checkpoint of DMF; set {_KEY} to the one that stage one left, such as "
            "<its data.save_dir>/model/last.pth.tar."
        )
    kept = {name: value for name, value in state.items() if not name.startswith(_LEFT)}
    own = {name: value for name, value in model.state_dict().items() if not name.startswith(_LEFT)}
    wrong = faults(own, kept)
    if wrong:
        raise CheckpointError(
            f"{path} is a checkpoint of another DMF model: it {', '.join(wrong)}. Set model.name, aio.encoder.name, "
            "aio.tokenizer.image_size and the depths below aio.dmf as in stage one, or set "
            f"{_KEY} to another checkpoint."
        )
    model.load_state_dict(kept, strict=False)
