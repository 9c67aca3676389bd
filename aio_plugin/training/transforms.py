"""Image transforms that torchreid lacks, and torchreid's taken apart so that no work is done twice.

Importing this makes torchvision importable, in workers too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..torchvision_import import repair_torchvision

repair_torchvision()

from torchvision.transforms import Compose, Normalize, RandomCrop, RandomGrayscale, Resize, ToTensor  # noqa: E402

STOCK_TRANSFORMS = ("random_flip", "random_crop", "random_patch", "color_jitter", "random_erase")
"""What torchreid's build_transforms knows; it ignores every other name."""

PADDING = 10
GREY = 0.5

Transform = Callable[[Image.Image], Tensor]


def pad_crop(height: int, width: int) -> Any:
    """Pad by 10 pixels and crop back to (height, width) at random (AIO Sec. 4.1 lists random crop; CAJ's sizes)."""
    return RandomCrop((height, width), padding=PADDING)


def random_grey(height: int, width: int) -> Any:
    """Every other image without its colours, so that what infrared shows as well is learned too; any size."""
    return RandomGrayscale(GREY)


OWN_TRANSFORMS = {"pad_crop": pad_crop, "random_grey": random_grey}
"""Names in data.transforms that torchreid's build_transforms does not know, and what makes them of height and width."""


class Parts(NamedTuple):
    """A transform in the parts that differ in when they are done; one after the other they are the transform.

    Attributes:
        resize: PIL -> PIL, the same every time, so once an image; None where the transform does not begin so.
        size: height and width in pixels that ``resize`` gives.
        rest: what is drawn anew for every modality: PIL -> (H, W, 3) uint8 where ``normalisation`` is left for the
            batch, else PIL -> (3, H, W) float.
        normalisation: (2, 3) mean and std, for images in [0, 1]; None where ``rest`` does it.
    """

    resize: Callable[[Image.Image], Image.Image] | None
    size: tuple[int, int] | None
    rest: Transform
    normalisation: Tensor | None


def take_apart(transform: Transform) -> Parts:
    """The parts of a transform of torchreid's; of any other, itself as ``rest``.

    What stands behind normalisation (torchreid's random_erase) keeps normalisation in the worker.
    """
    steps = list(transform.transforms) if isinstance(transform, Compose) else [transform]
    resize, size, normalisation = None, None, None
    if isinstance(steps[0], Resize) and isinstance(steps[0].size, (tuple, list)) and len(steps[0].size) == 2:
        resize, size = steps[0], (int(steps[0].size[0]), int(steps[0].size[1]))
        steps = steps[1:]
    if len(steps) >= 2 and isinstance(steps[-2], ToTensor) and isinstance(steps[-1], Normalize):
        normalisation = torch.tensor([list(steps[-1].mean), list(steps[-1].std)], dtype=torch.float32)
        steps = [*steps[:-2], to_pixels]
    if resize is None and normalisation is None:
        return Parts(None, None, transform, None)
    return Parts(resize, size, Compose(steps), normalisation)


def to_pixels(image: Image.Image) -> Tensor:
    """An RGB image as (H, W, 3) uint8."""
    return torch.from_numpy(np.array(image))


def normalise(pixels: Tensor, normalisation: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float32, by mean and std (2, 3) of images in [0, 1].

    On a CPU the same to the last bit as torchvision's ToTensor and Normalize of each image; on a GPU, which divides
    by multiplying, the last bit may differ.
    """
    images = pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format).div_(255)
    mean, std = normalisation.to(images.device, non_blocking=True)[:, None, :, None, None]
    return images.sub_(mean).div_(std)
