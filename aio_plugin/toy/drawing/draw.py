"""Pictures of toy people: RGB, infrared and sketches."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..cameras import IR_CAMERAS, RGB_CAMERAS, WEB_CAMERAS, Camera
from ..captions import caption
from ..people import WEB, ToyPerson, sample_person
from ..scene import ImageArray, background, expose, occluder, smooth_noise
from . import bags, clothes, head
from .canvas import SUPERSAMPLING, Label, Labels
from .figure import Figure
from .paint import colours, greys, tones
from .pose import Pose, sample_pose
from .sketch import HANDS, draw_lines

SIZE = (64, 128)
"""Width and height of a picture, in pixels."""


def draw_labels(person: ToyPerson, pose: Pose, size: tuple[int, int]) -> Labels:
    """(2 H, 2 W) labels of a person in a picture of ``size`` (W, H) pixels; background is 0."""
    figure = Figure(size, person, pose)
    bags.behind(figure)
    if figure.side:
        clothes.arm(figure, -1, Label.SLEEVE_FAR, Label.SKIN_FAR)
    clothes.legs(figure)
    clothes.bottom(figure)
    clothes.torso(figure)
    if not figure.side:
        clothes.arm(figure, -1, Label.SLEEVE, Label.SKIN)
    head.draw(figure)
    bags.straps(figure)
    clothes.arm(figure, 1, Label.SLEEVE, Label.SKIN)
    bags.before(figure)
    return clothes.patterned(figure)


def _halve(pixels: ImageArray) -> ImageArray:
    """Means of 2 x 2 pixels."""
    step = SUPERSAMPLING
    upper, lower = pixels[::step], pixels[1::step]
    mean: ImageArray = (upper[:, ::step] + upper[:, 1::step] + lower[:, ::step] + lower[:, 1::step]) * np.float32(0.25)
    return mean


def _light(
    person: ToyPerson, table: ImageArray, camera: Camera, pose: Pose, size: tuple[int, int], rng: np.random.Generator
) -> ImageArray:
    """(H, W, C) the scene before exposure, in 0..1; ``table`` (labels, C) colours the labels."""
    labels = draw_labels(person, pose, size)
    channels = table.shape[1]
    painted = np.concatenate([table, np.ones((len(table), 1), np.float32)], axis=1)
    painted[0] = 0
    body = _halve(painted[labels])
    folds = 1 + 0.09 * smooth_noise(size, (7, 14), rng) + rng.normal(0, 0.10) * np.linspace(-1, 1, size[0])
    behind = background(camera, size, rng)
    if channels == 1:
        behind = behind @ np.asarray([[0.5], [-0.2], [0.6]], dtype=np.float32) + np.float32(0.05)
    light: ImageArray = body[..., :channels] * folds[..., None].astype(np.float32) + (1 - body[..., channels:]) * behind
    hidden = occluder(camera, size, rng)
    if hidden is not None:
        light[hidden] = rng.uniform(0.1, 0.8) + rng.normal(0, 0.08, channels)
    return light


def draw_rgb(
    person: ToyPerson,
    camera: int | Camera,
    rng: np.random.Generator,
    pose: Pose | None = None,
    size: tuple[int, int] = SIZE,
) -> Image.Image:
    """A colour picture of a person.

    Args:
        camera: a number of :data:`.scene.RGB_CAMERAS`, or a camera.
        rng: source of pose, light, noise and occlusion.
        pose: instead of a random one.
        size: width and height in pixels.
    """
    camera = RGB_CAMERAS[camera] if isinstance(camera, int) else camera
    pose = pose or sample_pose(rng)
    return expose(_light(person, colours(person), camera, pose, size, rng), camera, rng)


def draw_ir(
    person: ToyPerson,
    camera: int | Camera,
    rng: np.random.Generator,
    pose: Pose | None = None,
    size: tuple[int, int] = SIZE,
) -> Image.Image:
    """A near-infrared picture, as :func:`draw_rgb`; RGB mode with three equal channels."""
    camera = IR_CAMERAS[camera] if isinstance(camera, int) else camera
    pose = pose or sample_pose(rng)
    return expose(_light(person, greys(person)[:, None], camera, pose, size, rng), camera, rng).convert("RGB")


def draw_sketch(
    person: ToyPerson, hand: str, rng: np.random.Generator, pose: Pose | None = None, size: tuple[int, int] = SIZE
) -> Image.Image:
    """A pencil drawing on white paper, RGB mode.

    Args:
        hand: a letter of :data:`.sketch.HANDS`.
        pose: of the photo it is drawn from; by default calm and mostly frontal.
    """
    drawn = HANDS[hand]
    stretched = dataclasses.replace(person, width=person.width * drawn.stretch)
    labels = draw_labels(stretched, pose or sample_pose(rng, calm=True), size)
    return draw_lines(labels, tones(person), drawn, rng)


def sample_views(
    seed: int, n_rgb: int = 2, cameras: Sequence[Camera] = WEB_CAMERAS + RGB_CAMERAS
) -> tuple[list[Image.Image], str]:
    """Some RGB pictures and a caption of one person who is in no toy dataset; the same for the same arguments.

    Args:
        seed: of the person and the pictures.
        n_rgb: number of pictures, each by another camera as far as there are any.
        cameras: to choose from. Without the surveillance cameras, what is pre-trained on the
            pictures meets the worlds' light for the first time.
    """
    rng = np.random.default_rng([WEB, seed])
    person = sample_person(rng)
    chosen = rng.permutation(len(cameras))
    images = [draw_rgb(person, cameras[int(chosen[i % len(cameras)])], rng) for i in range(n_rgb)]
    return images, caption(person, rng)
