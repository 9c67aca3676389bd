"""Sketches from RGB: the line-art generator of informative-drawings (AIO Sec. 3.2).

Chan, Durand, Isola: Learning to Generate Line Drawings that Convey Geometry and Semantics, CVPR 2022,
https://arxiv.org/abs/2203.12691. AIO takes it from Diffusers, whose weights ``sk_model.pth`` are in
``lllyasviel/Annotators`` on the Hugging Face hub; the module names below are those of that file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ..encoders.files import load_strictly, read_file

KEY = "aio.synthesis.lineart"
LONGEST = 4096
"""Pixels of a side at which it is drawn; a longer side is squeezed."""


class _Residual(nn.Module):
    """Two reflection-padded convolutions with a skip connection. Shape: (B, C, H, W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv_block(x)
        return out


class LineArtGenerator(nn.Module):
    """RGB images in [0, 1], (B, 3, H, W) -> drawings in [0, 1], (B, 1, H, W), dark lines on white.

    H and W are multiples of 4; see :func:`draw_lineart` for others.
    """

    def __init__(self, width: int = 64, residuals: int = 3) -> None:
        super().__init__()
        self.model0 = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), *_norm(width))
        self.model1 = nn.Sequential(*_down(width), *_down(2 * width))
        self.model2 = nn.Sequential(*[_Residual(4 * width) for _ in range(residuals)])
        self.model3 = nn.Sequential(*_up(4 * width), *_up(2 * width))
        self.model4 = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(width, 1, 7), nn.Sigmoid())

    def forward(self, images: Tensor) -> Tensor:
        """Draw ``images`` (B, 3, H, W)."""
        drawing: Tensor = self.model4(self.model3(self.model2(self.model1(self.model0(images)))))
        return drawing


def _norm(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)


def _down(channels: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1), *_norm(2 * channels)


def _up(channels: int) -> tuple[nn.Module, ...]:
    half = channels // 2
    return nn.ConvTranspose2d(channels, half, 3, stride=2, padding=1, output_padding=1), *_norm(half)


def load_lineart(weights: str | Path) -> LineArtGenerator:
    """The generator with released weights, in eval mode.

    Raises:
        EncoderError: the file is absent or of another network; names the config key aio.synthesis.lineart.
    """
    generator = LineArtGenerator()
    load_strictly(generator, read_file(weights, KEY), "the line-art generator (sk_model.pth)", str(weights), KEY)
    return generator.eval().requires_grad_(False)


@torch.inference_mode()
def draw_lineart(generator: LineArtGenerator, image: Image.Image, resolution: int = 512) -> Image.Image:
    """The line drawing of ``image``, grey (mode L), of the same size.

    Args:
        generator: draws on its device; on a GPU some grey levels differ by one from those of a CPU.
        resolution: pixels of the short side at which it is drawn; 512 in Diffusers' annotator. The width of lines
            in pixels is fixed, so a smaller number draws fewer and bolder ones.
    """
    width, height = image.size
    scale = resolution / min(width, height)
    inner = tuple(min(max(8, 4 * round(side * scale / 4)), LONGEST) for side in (width, height))
    resized = image.convert("RGB").resize((inner[0], inner[1]), Image.Resampling.BICUBIC)
    device = next(generator.parameters()).device
    pixels = torch.from_numpy(np.array(resized)).to(device).permute(2, 0, 1)[None].float() / 255
    drawing = generator(pixels)
    drawing = F.interpolate(drawing, size=(height, width), mode="bilinear", antialias=True, align_corners=False)
    return Image.fromarray((drawing[0, 0] * 255).round().clamp(0, 255).byte().cpu().numpy())
