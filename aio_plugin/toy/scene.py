"""What a camera sees and how it is exposed: a part of its place, things before the person, light and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from . import places
from .cameras import Camera

ImageArray = NDArray[np.float32]


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
