"""Weather, light and time of day: FineGPR's and MSMT17's, as changes to a camera."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from .scene import Camera


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


WEATHERS: dict[str, Air] = {
    "sunny": Air((1.14, 1.08, 0.94), 0.92, 0.0, 1.2),
    "clouds": Air((0.96, 0.98, 1.02), 1.0, 0.02, 0.9),
    "overcast": Air((0.82, 0.85, 0.90), 1.08, 0.05, 0.65),
    "foggy": Air((0.96, 0.97, 0.98), 0.95, 0.42, 0.7),
    "neutral": Air(),
    "blizzard": Air((0.92, 0.97, 1.06), 0.95, 0.26, 0.65, 0.07),
    "snowlight": Air((0.98, 1.01, 1.06), 0.96, 0.10, 0.85, 0.015),
}
"""FineGPR's weathers w01 to w07."""

LIGHTS: dict[str, Air] = {
    "midnight": Air((0.34, 0.38, 0.54), 1.10, 0.0, 0.6),
    "dawn": Air((0.86, 0.70, 0.78), 1.05, 0.03, 0.85),
    "forenoon": Air((1.0, 0.98, 0.94), 1.0, 0.0, 1.0),
    "noon": Air((1.10, 1.10, 1.08), 0.86, 0.02, 1.0),
    "afternoon": Air((1.06, 0.98, 0.84), 1.0, 0.0, 1.05),
    "dusk": Air((0.86, 0.62, 0.48), 1.10, 0.02, 0.9),
    "night": Air((0.46, 0.44, 0.40), 1.15, 0.02, 0.75),
}
"""FineGPR's lights l01 to l07."""

SLOTS: dict[str, Air] = {
    "morning": Air((0.94, 0.92, 0.96), 1.06, 0.06, 0.9),
    "noon": Air((1.06, 1.05, 1.02), 0.9, 0.02, 1.0),
    "afternoon": Air((0.92, 0.82, 0.70), 1.1, 0.0, 0.95),
}
"""The times of day in the names of MSMT17's images."""


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
