"""A label map: which part of a person or thing every pixel shows.

Colours, infrared greys and pencil lines are all made from it, so that the three modalities
show one shape.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..scene import ImageArray
from .pose import Pose

Points = Sequence[tuple[float, float]]
Labels = NDArray[np.uint8]

SUPERSAMPLING = 2
"""Label pixels per picture pixel, along each side."""


class Label(enum.IntEnum):
    """What a pixel shows. ``*2`` is the second colour of a pattern, ``FAR`` the limb behind."""

    BACKGROUND = 0
    SKIN = 1
    SKIN_FAR = 2
    FACE = 3
    HAIR = 4
    HAT = 5
    HAT_BAND = 6
    TOP = 7
    TOP2 = 8
    SLEEVE = 9
    SLEEVE2 = 10
    SLEEVE_FAR = 11
    SLEEVE_FAR2 = 12
    INNER = 13
    SEAM = 14
    LOGO = 15
    BOTTOM = 16
    BOTTOM2 = 17
    BOTTOM_FAR = 18
    BOTTOM_FAR2 = 19
    SHOE = 20
    SHOE_FAR = 21
    SOLE = 22
    BAG = 23
    STRAP = 24
    BAG_DETAIL = 25


class Canvas:
    """Draws in body units: x 0 at the spine, positive to the side the person faces; y 0 at the
    crown and 100 at the soles of an average person.

    Args:
        size: width and height of the picture in pixels.
        pose: where and how the person stands.
        height, width: the person's build.
    """

    def __init__(self, size: tuple[int, int], pose: Pose, height: float, width: float) -> None:
        self.image = Image.new("L", (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING), 0)
        self.pen = ImageDraw.Draw(self.image)
        unit = self.image.height * pose.scale / 100
        self.unit_y = unit * height
        self.unit_x = unit * pose.mirror
        self.width = width
        self.centre = self.image.width * (0.5 + pose.shift_x)
        self.top = self.image.height * (0.5 + pose.shift_y) - 50 * self.unit_y
        self.lean = pose.lean

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Label pixel of a point in body units."""
        return self.centre + (x + self.lean * (50 - y)) * self.unit_x, self.top + y * self.unit_y

    def grid(self) -> tuple[ImageArray, ImageArray]:
        """Body units x (1, W) and y (H, 1) of every label pixel, without the lean."""
        x = (np.arange(self.image.width, dtype=np.float32) - self.centre) / self.unit_x
        y = (np.arange(self.image.height, dtype=np.float32) - self.top) / self.unit_y
        return x[None, :], y[:, None]

    def polygon(self, label: Label, points: Points) -> None:
        """Fills a polygon."""
        self.pen.polygon([self.at(x, y) for x, y in points], fill=int(label))

    def ellipse(self, label: Label, x: float, y: float, rx: float, ry: float) -> None:
        """Fills an ellipse around ``(x, y)``."""
        (cx, cy), dx, dy = self.at(x, y), abs(rx * self.unit_x), ry * self.unit_y
        self.pen.ellipse((cx - dx, cy - dy, cx + dx, cy + dy), fill=int(label))

    def box(self, label: Label, x: float, y: float, rx: float, ry: float) -> None:
        """Fills a rectangle around ``(x, y)``."""
        self.polygon(label, [(x - rx, y - ry), (x + rx, y - ry), (x + rx, y + ry), (x - rx, y + ry)])

    def limb(self, label: Label, points: Points, start: float, end: float) -> None:
        """Draws a limb along ``points``, from half width ``start`` to half width ``end``."""
        path = np.asarray(points, dtype=np.float64)
        step = np.gradient(path, axis=0)
        normal = np.stack([-step[:, 1], step[:, 0]], axis=1) / np.maximum(np.linalg.norm(step, axis=1), 1e-6)[:, None]
        half = np.linspace(start, end, len(path))[:, None]
        outline = np.concatenate([path + normal * half, (path - normal * half)[::-1]])
        self.polygon(label, [(float(x), float(y)) for x, y in outline])

    def line(self, label: Label, points: Points, width: float) -> None:
        """Draws a line ``width`` body units wide."""
        pixels = max(1, round(width * abs(self.unit_x)))
        self.pen.line([self.at(x, y) for x, y in points], fill=int(label), width=pixels, joint="curve")

    def labels(self) -> Labels:
        """(H, W) labels, writable."""
        return np.array(self.image)
