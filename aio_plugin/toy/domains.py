"""Cameras of datasets that look different, so that a model has to generalise from one to another.

Market-1501's are :data:`.scene.RGB_CAMERAS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .places import RENDERED, STREET
from .scene import Camera

Range = tuple[float, float]


@dataclass(frozen=True)
class Domain:
    """The range, lowest to highest, of each property of a dataset's cameras; properties are those of ``Camera``."""

    seed: int
    cast: tuple[Range, Range, Range]
    gamma: Range
    haze: Range
    saturation: Range
    noise: float
    blur: float
    wander: float
    occlusion: float
    style: str = STREET

    def cameras(self, count: int) -> tuple[Camera, ...]:
        """``count`` cameras, the same at every call."""
        rng = np.random.default_rng([self.seed, 0xCA3E])
        cameras = []
        for k in range(count):
            red, green, blue = (float(rng.uniform(*gain)) for gain in self.cast)
            gamma, haze, saturation = (float(rng.uniform(*r)) for r in (self.gamma, self.haze, self.saturation))
            fixed = (self.noise, self.blur, self.wander, self.occlusion, self.style)
            cameras.append(Camera(1000 * self.seed + k, (red, green, blue), gamma, haze, saturation, *fixed))
        return tuple(cameras)


FINEGPR = Domain(
    seed=41,
    cast=((1.0, 1.06), (1.0, 1.06), (1.0, 1.06)),
    gamma=(0.9, 1.0),
    haze=(0.0, 0.0),
    saturation=(1.25, 1.45),
    noise=0.003,
    blur=0.0,
    wander=0.02,
    occlusion=0.0,
    style=RENDERED,
)
"""Clean, vivid and sharp, as rendered; one camera per scene, changed by weather and light."""

RANDPERSON = Domain(
    seed=42,
    cast=((0.8, 1.25), (0.8, 1.2), (0.75, 1.25)),
    gamma=(0.75, 1.25),
    haze=(0.0, 0.05),
    saturation=(1.1, 1.6),
    noise=0.006,
    blur=0.15,
    wander=0.03,
    occlusion=0.08,
    style=RENDERED,
)
"""Rendered too, with cameras that differ much in light and colour."""

MSMT17 = Domain(
    seed=43,
    cast=((0.72, 1.1), (0.75, 1.05), (0.7, 1.15)),
    gamma=(0.9, 1.2),
    haze=(0.0, 0.08),
    saturation=(0.6, 0.95),
    noise=0.03,
    blur=0.55,
    wander=0.06,
    occlusion=0.22,
)
"""Surveillance, outdoors and indoors, noisy; changed by the time of day."""

CUHK03 = Domain(
    seed=44,
    cast=((0.84, 0.98), (0.95, 1.12), (0.9, 1.1)),
    gamma=(0.75, 0.95),
    haze=(0.1, 0.2),
    saturation=(0.4, 0.6),
    noise=0.02,
    blur=0.85,
    wander=0.05,
    occlusion=0.12,
)
"""A campus in pale, greenish light, from far away, with few details."""
