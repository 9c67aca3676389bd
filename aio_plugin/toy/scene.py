"""Cameras and the places they look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from . import places

ImageArray = NDArray[np.float32]


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
    style: str = places.STREET
    snow: float = 0.0


RGB_CAMERAS: tuple[Camera, ...] = (
    Camera(11, (1.05, 1.00, 0.94), 1.00, 0.00, 1.00, 0.015, 0.3),
    Camera(12, (0.80, 0.90, 1.08), 1.15, 0.03, 0.92, 0.022, 0.4),
    Camera(13, (1.12, 0.95, 0.74), 1.08, 0.01, 0.92, 0.022, 0.4),
    Camera(14, (0.70, 0.73, 0.73), 1.18, 0.01, 0.82, 0.030, 0.4),
    Camera(15, (1.10, 1.10, 1.06), 0.82, 0.07, 0.84, 0.020, 0.5),
    Camera(16, (0.86, 1.02, 0.82), 1.03, 0.04, 0.88, 0.025, 0.4),
)
"""The surveillance cameras of every toy dataset; camera k of a dataset is entry k - 1."""

IR_CAMERAS: tuple[Camera, ...] = (
    Camera(21, (0.62, 0.62, 0.62), 1.00, 0.30, 1.0, 0.045, 0.5),
    Camera(22, (0.50, 0.50, 0.50), 1.10, 0.12, 1.0, 0.050, 0.6),
    Camera(23, (0.66, 0.66, 0.66), 0.92, 0.38, 1.0, 0.040, 0.5),
)
"""The infrared cameras: little contrast and much noise, as at night."""

WEB_CAMERAS: tuple[Camera, ...] = (
    Camera(31, (1.00, 1.00, 1.00), 1.00, 0.00, 1.00, 0.010, 0.3, 0.05, 0.1),
    Camera(32, (1.05, 1.00, 0.95), 0.95, 0.00, 1.05, 0.015, 0.3, 0.05, 0.1),
    Camera(33, (0.95, 1.00, 1.05), 1.05, 0.02, 0.95, 0.015, 0.4, 0.05, 0.1),
    Camera(34, (0.90, 0.92, 0.90), 1.10, 0.02, 0.95, 0.020, 0.4, 0.05, 0.1),
)
"""Friendly light, as in pictures from the web; the pre-training of the small encoder uses them."""


def background(camera: Camera, size: tuple[int, int], rng: np.random.Generator) -> ImageArray:
    """(H, W, 3) a cut-out of the camera's place, in 0..1."""
    width, height = size
    zoom = float(rng.uniform(0.8, 1.2)) * height / 128
    w, h = width / zoom, height / zoom
    x, y = rng.uniform(0, places.SIZE[0] - w), rng.uniform(0, places.SIZE[1] - h)
    cut = places.place(camera.seed, camera.style).resize(size, Image.Resampling.BILINEAR, box=(x, y, x + w, y + h))
    return np.asarray(cut, dtype=np.float32) / np.float32(255)


def occluder(camera: Camera, size: tuple[int, int], rng: np.random.Generator) -> tuple[slice, slice] | None:
    """Rows and columns hidden by a thing before the person, or None."""
    if rng.random() >= camera.occlusion:
        return None
    width, height = size
    if rng.random() < 0.5:
        wide = round(width * rng.uniform(0.12, 0.34))
        x = 0 if rng.random() < 0.5 else width - wide
        return slice(round(height * rng.uniform(0, 0.4)), height), slice(x, x + wide)
    return slice(round(height * rng.uniform(0.66, 0.9)), height), slice(0, width)


def smooth_noise(size: tuple[int, int], cells: tuple[int, int], rng: np.random.Generator) -> ImageArray:
    """(H, W) smooth noise in -1..1 with ``cells`` (across, down) bumps."""
    small = rng.random((cells[1], cells[0]), dtype=np.float32) * 2 - 1
    return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BILINEAR), dtype=np.float32)


def expose(light: ImageArray, camera: Camera, rng: np.random.Generator) -> Image.Image:
    """The picture a camera takes of ``light`` (H, W, C) in 0..1; C is 3, or 1 for a grey picture."""
    channels = light.shape[2]
    if camera.snow:
        light = np.where(rng.random((*light.shape[:2], 1)) < camera.snow, np.float32(1), light)
    if camera.saturation != 1:
        grey = light.mean(axis=2, keepdims=True)
        light = grey + camera.saturation * (light - grey)
    cast = np.asarray(camera.cast[:channels]) * np.exp(rng.normal(0, camera.wander, channels))
    gain = (cast * np.exp(rng.normal(0, 1.5 * camera.wander))).astype(np.float32)
    light = np.clip(light, 0, 1) ** np.float32(camera.gamma) * gain * (1 - camera.haze) + camera.haze
    light = light + camera.noise * rng.standard_normal(light.shape, dtype=np.float32)
    pixels = (np.clip(light, 0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(pixels if channels == 3 else pixels[..., 0])
    return image.filter(ImageFilter.GaussianBlur(camera.blur * image.height / 128))
