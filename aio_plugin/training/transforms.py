"""Image transforms that torchreid lacks. Importing this makes torchvision importable, in workers too."""

from __future__ import annotations

from typing import Any

from ..repair import repair_torchvision

repair_torchvision()

from torchvision.transforms import RandomCrop  # noqa: E402

STOCK_TRANSFORMS = ("random_flip", "random_crop", "random_patch", "color_jitter", "random_erase")
"""What torchreid's build_transforms knows; it ignores every other name."""

PAD_CROP = "pad_crop"
PADDING = 10


def pad_crop(height: int, width: int) -> Any:
    """Pad by 10 pixels and crop back to (height, width) at random (AIO Sec. 4.1 lists random crop; CAJ's sizes)."""
    return RandomCrop((height, width), padding=PADDING)
