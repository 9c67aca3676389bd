"""A person on a canvas, and the measures of the body."""

from __future__ import annotations

from ..people import ToyPerson
from .canvas import Canvas, Points
from .pose import Pose

HEMS = {"waist": 48.0, "hip": 54.0, "thigh": 65.0, "knee": 76.0}
"""Height of the hem of an upper garment, in body units."""


class Figure(Canvas):
    """A person to draw; half widths are in body units.

    Args:
        size: width and height of the picture in pixels.
        person, pose: who stands there, and how.
    """

    def __init__(self, size: tuple[int, int], person: ToyPerson, pose: Pose) -> None:
        super().__init__(size, pose, person.height, person.width)
        self.person, self.pose = person, pose

    @property
    def side(self) -> bool:
        """Whether the person is seen from the side."""
        return self.pose.view == "side"

    @property
    def front(self) -> bool:
        """Whether the person is seen from the front."""
        return self.pose.view == "front"

    @property
    def shoulder(self) -> float:
        """Half width at the shoulders."""
        return (7.0 if self.side else 11.5 if self.person.sex == "man" else 10.5) * self.person.width

    @property
    def waist(self) -> float:
        """Half width at the waist."""
        return (6.5 if self.side else 9.5 if self.person.sex == "man" else 8.2) * self.person.width

    @property
    def hip(self) -> float:
        """Half width at the hips."""
        return (7.0 if self.side else 9.8) * self.person.width

    @property
    def hem(self) -> float:
        """Height of the upper garment's hem."""
        return HEMS[self.person.length]

    def arm(self, which: int) -> Points:
        """Shoulder, elbow and hand of the arm on side ``which`` (-1, 1; from the side -1 is the far one)."""
        swing = self.pose.swing * which
        if self.side:
            return [(0, 21), (1 + 4 * swing, 37), (2 + 11 * swing, 52)]
        x = self.shoulder - 1.5
        return [(which * x, 21), (which * (x + 3.0 + swing), 37), (which * (x + 3.5 + 2 * swing), 53)]

    def leg(self, which: int) -> Points:
        """Hip, knee and ankle of a leg, as for :meth:`arm`."""
        stride = self.pose.stride * which
        if self.side:
            return [(1.2 * stride, 52), (1 + 7 * stride, 74), (10.5 * stride - 1, 94 - 2 * max(0.0, -stride))]
        x = 0.5 * self.hip
        return [(which * x, 52), (which * (x + 0.6), 74), (which * (x + 0.6 + 0.8 * stride), 94 + 1.5 * stride)]
