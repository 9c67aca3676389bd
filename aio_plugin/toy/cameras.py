"""Cameras of the toy datasets, and how weather and light change them; ``cameras.yaml`` has the values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .places import STREET
from .wardrobe import read_table

Range = tuple[float, float]


@dataclass(frozen=True)
class Camera:
    """A camera, its light and its place.

    Attributes:
        seed: what its place is drawn from.
        cast: gain of red, green and blue (all equal in infrared).
        gamma: > 1 darkens the middle tones.
        haze: light added everywhere.
        saturation: 0 is grey, 1 as it is.
        noise: standard deviation, in full scales.
        blur: radius in pixels.
        wander: standard deviation of a picture's gain and cast around the camera's.
        occlusion: probability that something stands before the person.
        style: of its place, see :mod:`.places`.
        snow: share of the picture that flakes cover.
    """

    seed: int
    cast: tuple[float, float, float]
    gamma: float
    haze: float
    saturation: float
    noise: float
    blur: float
    wander: float = 0.05
    occlusion: float = 0.18
    style: str = STREET
    snow: float = 0.0


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


class Air(NamedTuple):
    """A change to a camera's pictures by weather or light.

    Attributes:
        cast: gain of red, green and blue.
        gamma, haze, saturation, snow: as of :class:`.scene.Camera`; gamma and saturation multiply the camera's,
            haze and snow come on top of what the cast leaves of the camera's.
    """

    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    haze: float = 0.0
    saturation: float = 1.0
    snow: float = 0.0


def through(camera: Camera, *airs: Air) -> Camera:
    """``camera`` changed by ``airs``, weather before light, so that haze is dark at night."""
    for air in airs:
        red, green, blue = (gain * by for gain, by in zip(camera.cast, air.cast, strict=True))
        camera = dataclasses.replace(
            camera,
            cast=(red, green, blue),
            gamma=camera.gamma * air.gamma,
            haze=min(0.6, camera.haze * sum(air.cast) / 3 + air.haze),
            saturation=camera.saturation * air.saturation,
            snow=camera.snow + air.snow,
        )
    return camera


def _cameras(rows: Sequence[Sequence[Any]]) -> tuple[Camera, ...]:
    return tuple(Camera(seed, tuple(cast), *others) for seed, cast, *others in rows)


_TABLE = read_table("cameras.yaml")
RGB_CAMERAS, IR_CAMERAS, WEB_CAMERAS = (_cameras(_TABLE[kind]) for kind in ("rgb", "ir", "web"))
"""The surveillance cameras of every toy dataset, the infrared ones, and those of pictures from the web."""
DOMAINS = {name: Domain(**properties) for name, properties in _TABLE["domains"].items()}
"""Cameras of datasets that look different, so that a model has to generalise from one to another."""
WEATHERS, LIGHTS, SLOTS = (
    {name: Air(**change) for name, change in _TABLE[kind].items()} for kind in ("weathers", "lights", "slots")
)
"""FineGPR's weathers w01 to w07, its lights l01 to l07, and the times of day in the names of MSMT17's images."""
