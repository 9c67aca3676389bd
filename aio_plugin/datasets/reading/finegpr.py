"""The images of FineGPR: what their names say, and those of the chosen views, weathers and lights."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ...errors import DatasetError
from ...options import Option
from .folders import form_of, walk
from .layouts import Part, Tree
from .lists import Names

EXAMPLE = "0001_c01_w03_l05_p03.jpg"
PATTERN = r"(\d{4})_c(0[1-9]|[12]\d|3[0-6])_w(0[1-7])_l(0[1-7])_p(0[1-9])\.jpg"
FOLDER = "FineGPR_Dataset"
TOPS = {"subset": "FineGPR_subset", "full": "FineGPR"}
LAYOUT = (
    Part(f"{TOPS['subset']}/<pid>_c<view>_w<weather>_l<light>_p<scene>.jpg", "for images: subset"),
    Part(f"{TOPS['full']}/<pid, 4 digits>/<as above>", "for images: full"),
)
PERSONS = 1_150
MOST = {"views": 36, "weathers": 7, "lights": 7}
SUBSET = {"views": {1, 10, 19, 28}, "weathers": {3}, "lights": {5}}
"""What the subset shows of every person."""


class Conditions(NamedTuple):
    """The numbers in an image's name.

    Attributes:
        pid: raw identity.
        view: 1 to 36, FineGPR's "camera": the viewpoint in steps of 10 degrees; view 1 is at 90 degrees, 28 at 0.
        weather, light: 1 to 7, as the options describe them.
        scene: 1 to 9, the background; one for every person.
    """

    pid: int
    view: int
    weather: int
    light: int
    scene: int

    @classmethod
    def of(cls, match: re.Match[str]) -> Conditions:
        """The conditions of a match of PATTERN."""
        return cls(*map(int, match.groups()))

    @property
    def key(self) -> int:
        """A number that only this image has."""
        return (((self.pid * 100 + self.view) * 100 + self.weather) * 100 + self.light) * 100 + self.scene


def _numbers(value: str, most: int) -> set[int]:
    """``"1,10"`` -> {1, 10}; ``"all"`` -> {1 ... most}; nothing for anything else."""
    everything = set(range(1, most + 1))
    if value == "all":
        return everything
    numbers = set(map(int, value.split(","))) if re.fullmatch(r" *[0-9]{1,3} *(?:, *[0-9]{1,3} *)*", value) else set()
    return numbers if numbers <= everything else set()


def _accepts(most: int) -> Callable[[Any], str | None]:
    wrong = f" It must be 'all' or numbers from 1 to {most} with commas between."
    return lambda value: None if _numbers(value, most) else wrong


_WEATHERS = "1 sunny, 2 clouds, 3 overcast, 4 foggy, 5 neutral, 6 blizzard, 7 snowlight"
_LIGHTS = "1 midnight, 2 dawn, 3 forenoon, 4 noon, 5 afternoon, 6 dusk, 7 night"
CHOICES = (
    Option("images", "subset", "'subset' (4 images of every person) or 'full' (2,028,600 images)", ("subset", "full")),
    Option("views", "all", "views taken: 'all', or as '1,10,19,28' (of 1 to 36; 10 degrees each)", _accepts(36)),
    Option("weathers", "all", f"weathers taken: 'all', or as '1,3' ({_WEATHERS})", _accepts(7)),
    Option("lights", "all", f"lights taken: 'all', or as '1,3' ({_LIGHTS})", _accepts(7)),
)
SURVEY = tuple({"images": form} for form in TOPS)
"""Options under which, one after the other, all images are read."""


class FineGPRImages:
    """The images on disk, read once by :meth:`chosen_images`.

    Args:
        tree: the dataset's folder.
        values: of CHOICES.

    Attributes:
        keys: of all images in the folder.
        chosen: how many are of the chosen views, weathers and lights.
    """

    def __init__(self, tree: Tree, values: Mapping[str, Any]) -> None:
        self.tree, self.images = tree, values["images"]
        self.top = form_of(tree, "images", self.images, {form: (top,) for form, top in TOPS.items()})
        self.numbers = {part: _numbers(values[part], most) for part, most in MOST.items()}
        self.names = Names(PATTERN, f"{tree.dataset} images", EXAMPLE)
        self.keys = array("q")
        self.chosen = 0
        self.misplaced: list[str] = []

    def chosen_images(self) -> Iterator[tuple[str, Conditions]]:
        """The path, relative to the dataset's folder, and the conditions of the chosen images, in sorted order."""
        views, weathers, lights = self.numbers.values()
        for folder, name in walk(self.tree, self.top):
            path = f"{folder}/{name}"
            match = self.names.match(name, path)
            if match is None:
                continue
            if folder != (f"{self.top}/{match[1]}" if self.images == "full" else self.top):
                self.misplaced.append(path)
                continue
            image = Conditions.of(match)
            self.keys.append(image.key)
            if image.view in views and image.weather in weathers and image.light in lights:
                self.chosen += 1
                yield path, image

    def nothing_left(self, which: str = "none") -> DatasetError:
        """The error to raise if no chosen image is left to train on; another if no image is named as published."""
        self.notes()
        return DatasetError(
            f"{self.tree.dataset}: of {len(self.keys)} images in {self.tree.path(self.top)}, {self.chosen} are of "
            f"the chosen views, weathers and lights, and {which} is left to train on. Choose others, or complete the "
            f"download."
        )

    def published(self) -> dict[str, int]:
        """How many persons and images the choice should leave."""
        shown = [n if self.images == "full" else n & SUBSET[part] for part, n in self.numbers.items()]
        return {"train ids": PERSONS, "train images": PERSONS * math.prod(map(len, shown))}

    def notes(self) -> list[str]:
        """Which images were read, and what was left out."""
        notes = self.names.notes()
        if self.misplaced:
            notes.append(
                f"{self.tree.dataset}: {len(self.misplaced)} images are left out as they are not in the folder of "
                f"their person; the first: {self.misplaced[0]}"
            )
        return [*notes, f"{self.tree.dataset}: images are of the {self.images} set"]
