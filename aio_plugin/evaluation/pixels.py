"""The baseline to beat: nearest neighbours of raw pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ..modality import Item, Media

HEIGHT, WIDTH = 32, 16
"""Pixels to which images are resized."""

Render = Callable[[Media], Image.Image]
"""An image medium, synthetic ones included, as a picture to look at."""


def pixel_features(items: Sequence[Item], render: Render) -> Tensor | None:
    """Raw pixels as features: the mean over an item's images of their L2-normalised pixels, L2-normalised.

    Captions are left out.

    Returns:
        (N, 1536) float32; None where an item is text alone.
    """
    rows = []
    seen: dict[tuple[str, str, bool], Tensor] = {}  # captions of one photo share its images
    for item in items:
        images = [part for part in item.media.parts if part.modality.is_image]
        if not images:
            return None
        for part in images:
            key = (str(part), part.modality.value, part.synthetic)
            if key not in seen:
                seen[key] = _pixels(render(part))
        rows.append(torch.stack([seen[str(p), p.modality.value, p.synthetic] for p in images]).mean(0))
    return F.normalize(torch.stack(rows)) if rows else None


def _pixels(image: Image.Image) -> Tensor:
    """(1536,) of unit length."""
    small = image.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    return F.normalize(torch.from_numpy(np.asarray(small, dtype=np.float32) / 255).flatten(), dim=0)
