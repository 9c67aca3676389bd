"""Image transforms that torchreid lacks, and the division of torchreid's into parts, so that no work is done twice.

Importing this repairs torchvision's import, in workers too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import ModalityError
from ..torchvision_import import repair_torchvision

repair_torchvision()

from torchvision.transforms import (  # noqa: E402
    ColorJitter,
    Compose,
    Normalize,
    RandomCrop,
    RandomGrayscale,
    Resize,
    ToTensor,
)

STOCK_TRANSFORMS = ("random_flip", "random_crop", "random_patch", "color_jitter", "random_erase")
"""Names that torchreid's build_transforms knows; it ignores all others."""

Transform = Callable[[Image.Image], Tensor]


def pad_crop(height: int, width: int) -> Any:
    """Pad by 10 pixels and crop back to (height, width) at random (AIO Sec. 4.1 lists random crop; CAJ's sizes)."""
    return RandomCrop((height, width), padding=10)


PHOTOMETRIC = (ColorJitter, RandomGrayscale)
"""Transforms of colours, which would change measured values."""

OWN_TRANSFORMS: dict[str, Callable[[int, int, float], Any]] = {
    "pad_crop": lambda height, width, grey: pad_crop(height, width),
    "random_grey": lambda height, width, grey: RandomGrayscale(
        grey
    ),  # so that the model also learns what infrared shows
}
"""Names in data.transforms that torchreid's build_transforms does not know -> what makes them, given height, width
and ``aio.train.random_grey``."""


class Parts(NamedTuple):
    """A transform in parts that are applied at different times; in sequence they are the transform.

    Attributes:
        resize: PIL -> PIL, deterministic, so applied once per image; None if the transform does not begin with it.
        size: height and width in pixels after ``resize``.
        rest: applied to every modality with random numbers of its own: PIL -> (H, W, 3) uint8 or (H, W, 1) float in
            [0, 1] if batches are normalised, else PIL -> (3, H, W) float.
        normalisation: (2, 3) mean and std of a batch's images in [0, 1]; None if ``rest`` normalises.
    """

    resize: Callable[[Image.Image], Image.Image] | None
    size: tuple[int, int] | None
    rest: Transform
    normalisation: Tensor | None


def split_transform(transform: Transform, values: bool = False, normalisation: Tensor | None = None) -> Parts:
    """The parts of one of torchreid's transforms; any other is ``rest`` as a whole.

    A step after normalisation (torchreid's random_erase) keeps normalisation in the worker.

    Args:
        values: the parts for images of mode F, which hold measured values, not colours: without color_jitter and
            random_grey, and with a pool of its own for random_patch.
        normalisation: (2, 3) mean and std in place of the transform's own.

    Raises:
        ModalityError: the transform has no normalisation to replace.
    """
    steps = list(transform.transforms) if isinstance(transform, Compose) else [transform]
    if values:
        steps = [copy.deepcopy(step) for step in steps if not isinstance(step, PHOTOMETRIC)]
    steps = [to_tensor if isinstance(step, ToTensor) else step for step in steps]
    if normalisation is not None:
        if not any(isinstance(step, Normalize) for step in steps):
            raise ModalityError("A modality has norm_mean, but the transform has no Normalize step for it; add one.")
        own = Normalize(*normalisation.tolist())
        steps = [own if isinstance(step, Normalize) else step for step in steps]
    resize, size, of_batch = None, None, None
    if isinstance(steps[0], Resize) and isinstance(steps[0].size, (tuple, list)) and len(steps[0].size) == 2:
        resize, size = steps[0], (int(steps[0].size[0]), int(steps[0].size[1]))
        steps = steps[1:]
    if len(steps) >= 2 and steps[-2] is to_tensor and isinstance(steps[-1], Normalize):
        of_batch = torch.tensor([list(steps[-1].mean), list(steps[-1].std)], dtype=torch.float32)
        steps = [*steps[:-2], to_pixels]
    return Parts(resize, size, Compose(steps), of_batch)


def to_tensor(image: Image.Image) -> Tensor:
    """(3, H, W) float: torchvision's ToTensor, but an image of mode F, in [0, 1] already, has its channel repeated."""
    tensor: Tensor = ToTensor()(image)
    return tensor.expand(3, -1, -1).contiguous()


def to_pixels(image: Image.Image) -> Tensor:
    """(H, W, 3) uint8 of an RGB image; (H, W, 1) float of one of mode F."""
    pixels = torch.from_numpy(np.array(image))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def normalise(pixels: Tensor, normalisation: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float32, by mean and std (2, 3) of images in [0, 1]; floats are in [0, 1].

    One channel is repeated. On a CPU the same to the last bit as torchvision's ToTensor and Normalize of each image;
    on a GPU, which divides by multiplying, the last bit may differ.
    """
    images = pixels.permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
    images = images.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
    if not pixels.is_floating_point():
        images.div_(255)
    mean, std = normalisation.to(images.device, non_blocking=True)[:, None, :, None, None]
    return images.sub_(mean).div_(std)
