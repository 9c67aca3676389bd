"""What the name of a FineGPR image says: who is seen, from where, in which weather, light and scene."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from ...errors import DatasetError

EXAMPLE = "0001_c01_w03_l05_p03.jpg"
PATTERN = r"(\d{4})_c(0[1-9]|[12]\d|3[0-6])_w(0[1-7])_l(0[1-7])_p(0[1-9])\.jpg"
VIEWS = 36
WEATHERS = ("sunny", "clouds", "overcast", "foggy", "neutral", "blizzard", "snowlight")
LIGHTS = ("midnight", "dawn", "forenoon", "noon", "afternoon", "dusk", "night")
WILD = (3, 5, 8)
"""The scenes, of 1 to 9, that are wild; the others are urban."""


class Conditions(NamedTuple):
    """The numbers in an image's name, as they stand there.

    Attributes:
        pid: raw identity.
        view: 1 to 36, the viewpoint; FineGPR's "camera".
        weather, light: 1 to 7, places in WEATHERS and LIGHTS counted from 1.
        scene: 1 to 9, the background; one for every person.
    """

    pid: int
    view: int
    weather: int
    light: int
    scene: int

    @property
    def angle(self) -> int:
        """Degrees of the viewpoint: 90 for view 1, 10 more with each, 0 for view 28."""
        return (90 + 10 * (self.view - 1)) % 360

    @property
    def key(self) -> int:
        """A number that only this image has."""
        return (((self.pid * 100 + self.view) * 100 + self.weather) * 100 + self.light) * 100 + self.scene


def conditions(path: str) -> Conditions:
    """What the name of the image at ``path`` says.

    Raises:
        DatasetError: it is not named as FineGPR's images are.
    """
    name = os.path.basename(path)
    match = re.fullmatch(PATTERN, name)
    if match is None:
        raise DatasetError(f"{name!r} is no name of a FineGPR image, such as {EXAMPLE}. Restore the published name.")
    return of(match)


def of(match: re.Match[str]) -> Conditions:
    """The conditions of a match of PATTERN."""
    return Conditions(*map(int, match.groups()))
