"""Image transforms that torchreid lacks. Importing this makes torchvision importable, in workers too."""

from __future__ import annotations

from typing import Any

from ..repair import repair_torchvision

repair_torchvision()

from torchvision.transforms import RandomCrop, RandomGrayscale  # noqa: E402

STOCK_TRANSFORMS = ("random_flip", "random_crop", "random_patch", "color_jitter", "random_erase")
"""What torchreid's build_transforms knows; it ignores every other name."""

PADDING = 10
GREY = 0.5


def pad_crop(height: int, width: int) -> Any:
    """Pad by 10 pixels and crop back to (height, width) at random (AIO Sec. 4.1 lists random crop; CAJ's sizes)."""
    return RandomCrop((height, width), padding=PADDING)


def random_grey(height: int, width: int) -> Any:
    """Every other image without its colours, so that what infrared shows as well is learned too; any size."""
    return RandomGrayscale(GREY)


OWN_TRANSFORMS = {"pad_crop": pad_crop, "random_grey": random_grey}
"""Names in data.transforms that torchreid's build_transforms does not know, and what makes them of height and width."""
