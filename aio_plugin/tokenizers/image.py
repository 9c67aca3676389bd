"""Images to tokens: the convolutional "ICS" stem with half-instance, half-batch normalisation.

AIO Sec. 3.1 takes it from TransReID-SSL: Luo et al., Self-Supervised Pre-Training for
Transformer-Based Person Re-Identification, 2021, https://arxiv.org/abs/2111.12084; the normalisation from
IBN-Net: Pan et al., Two at Once, ECCV 2018, https://arxiv.org/abs/1807.09441.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import ModalityError

PATCH = 16
"""Side in pixels of the patch that one token stands for."""


class IBN(nn.Module):
    """Instance normalisation of the first half of the channels, batch normalisation of the others.

    Instance normalisation removes differences between cameras, batch normalisation keeps those between people.

    Shape: (B, C, H, W) -> the same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.split = channels // 2
        self.instance = nn.InstanceNorm2d(self.split, affine=True)
        self.batch = nn.BatchNorm2d(channels - self.split)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x`` (B, C, H, W)."""
        first, second = x[:, : self.split].contiguous(), x[:, self.split :].contiguous()
        if len(x):  # torch's instance normalisation refuses an empty batch
            first = self.instance(first)
        return torch.cat([first, self.batch(second)], dim=1)


class ImageTokenizer(nn.Module):
    """Three convolutions and a projection: one token per patch of 16 x 16 pixels (AIO Sec. 3.1).

    Shape: images (B, 3, H, W) -> tokens (B, N, D), N = H/16 * W/16, row by row.

    Args:
        dim: D, the encoder's width.
        width: channels of the stem; 64 in TransReID-SSL.
    """

    def __init__(self, dim: int, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False),
            IBN(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            IBN(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        self.projection = nn.Conv2d(width, dim, PATCH // 2, stride=PATCH // 2)

    def forward(self, images: Tensor) -> Tensor:
        """Tokens (B, N, D) of ``images`` (B, 3, H, W); raises what :func:`patch_grid` raises."""
        patch_grid(*images.shape[-2:])
        tokens: Tensor = self.projection(self.stem(images))
        return tokens.flatten(2).transpose(1, 2)


class PatchTokenizer(nn.Module):
    """One convolution that divides an image into patches, as in plain ViTs and their weight files.

    Shape: images (B, 3, H, W) -> tokens (B, N, D), N = H/p * W/p, row by row.

    Args:
        dim: D.
        patch: p, side of a patch in pixels.
    """

    def __init__(self, dim: int, patch: int = PATCH) -> None:
        super().__init__()
        self.patch = patch
        self.projection = nn.Conv2d(3, dim, patch, stride=patch)

    def forward(self, images: Tensor) -> Tensor:
        """Tokens (B, N, D) of ``images`` (B, 3, H, W); raises what :func:`patch_grid` raises."""
        patch_grid(images.shape[-2], images.shape[-1], self.patch)
        tokens: Tensor = self.projection(images)
        return tokens.flatten(2).transpose(1, 2)


def patch_grid(height: int, width: int, patch: int = PATCH) -> tuple[int, int]:
    """The number of patches of ``patch`` pixels along the height and the width, in pixels, of an image.

    Raises:
        ModalityError: one of them is not a multiple of ``patch``.

    Example:
        >>> patch_grid(384, 192)
        (24, 12)
    """
    if height % patch or width % patch or height < patch or width < patch:
        raise ModalityError(
            f"Images of {height} x {width} pixels cannot be cut into patches of {patch} x {patch}; set "
            f"data.height and data.width to multiples of {patch}, like {24 * patch} and {12 * patch}."
        )
    return height // patch, width // patch
