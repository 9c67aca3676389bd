"""The images of FineGPR: what their names say, and those of the chosen views, weathers and lights."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ...config import Option
from ...errors import DatasetError
from .folders import form_of, walk
from .layouts import Part, Tree
from .lists import Names

EXAMPLE = "0001_c01_w03_l05_p03.jpg"
PATTERN = r"(\d{4})_c(0[1-9]|[12]\d|3[0-6])_w(0[1-7])_l(0[1-7])_p(0[1-9])\.jpg"
VIEWS = 36
WEATHERS = ("sunny", "clouds", "overcast", "foggy", "neutral", "blizzard", "snowlight")
LIGHTS = ("midnight", "dawn", "forenoon", "noon", "afternoon", "dusk", "night")


class Conditions(NamedTuple):
    """The numbers in an image's name.

    Attributes:
        pid: raw identity.
        view: 1 to 36, FineGPR's "camera": the viewpoint in steps of 10 degrees; view 1 is at 90 degrees, 28 at 0.
        weather, light: 1 to 7, positions in WEATHERS and LIGHTS counted from 1.
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


FOLDER = "FineGPR_Dataset"
TOPS = {"subset": "FineGPR_subset", "full": "FineGPR"}
LAYOUT = (
    Part(f"{TOPS['subset']}/<pid>_c<view>_w<weather>_l<light>_p<scene>.jpg", "for images: subset"),
    Part(f"{TOPS['full']}/<pid, 4 digits>/<as above>", "for images: full"),
)
PERSONS = 1_150
MOST = {"views": VIEWS, "weathers": len(WEATHERS), "lights": len(LIGHTS)}
SUBSET = {"views": {1, 10, 19, 28}, "weathers": {3}, "lights": {5}}
"""What the subset shows of every person."""
ALL = "all"


def _numbers(value: str, most: int) -> frozenset[int] | None:
    """``"1,10"`` -> {1, 10}; ``"all"`` -> {1 ... most}; None for anything else."""
    if value == ALL:
        return frozenset(range(1, most + 1))
    parts = value.split(",")
    if not all(part.strip().isascii() and part.strip().isdigit() for part in parts):
        return None
    numbers = frozenset(map(int, parts))
    return numbers if numbers <= frozenset(range(1, most + 1)) else None


def _accepts(most: int) -> Callable[[Any], str | None]:
    wrong = f" It must be 'all' or numbers from 1 to {most} with commas between."
    return lambda value: None if _numbers(value, most) else wrong


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(f"{number} {name}" for number, name in enumerate(names, 1))


CHOICES = (
    Option("images", "subset", "'subset' (4 images of every person) or 'full' (2,028,600 images)", ("subset", "full")),
    Option("views", ALL, "views taken: 'all', or as '1,10,19,28' (of 1 to 36; 10 degrees each)", _accepts(VIEWS)),
    Option("weathers", ALL, f"weathers taken: 'all', or as '1,3' ({_named(WEATHERS)})", _accepts(MOST["weathers"])),
    Option("lights", ALL, f"lights taken: 'all', or as '1,3' ({_named(LIGHTS)})", _accepts(MOST["lights"])),
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
        numbers = {part: _numbers(values[part], most) or frozenset() for part, most in MOST.items()}
        self.views, self.weathers, self.lights = numbers.values()
        self.names = Names(PATTERN, f"{tree.dataset} images", EXAMPLE)
        self.keys = array("q")
        self.chosen = self.misplaced = 0
        self.first_misplaced = ""

    def chosen_images(self) -> Iterator[tuple[str, Conditions]]:
        """The path, relative to the dataset's folder, and the conditions of the chosen images, in sorted order."""
        for path, image in self._named():
            self.keys.append(image.key)
            if image.view in self.views and image.weather in self.weathers and image.light in self.lights:
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
        each = 1
        for part, numbers in zip(MOST, (self.views, self.weathers, self.lights), strict=True):
            each *= len(numbers if self.images == "full" else numbers & SUBSET[part])
        return {"train ids": PERSONS, "train images": PERSONS * each}

    def notes(self) -> list[str]:
        """Which images were read, and what was left out."""
        notes = self.names.notes()
        if self.misplaced:
            notes.append(
                f"{self.tree.dataset}: {self.misplaced} images are left out as they are not in the folder of their "
                f"person; the first: {self.first_misplaced}"
            )
        return [*notes, f"{self.tree.dataset}: images are of the {self.images} set"]

    def _named(self) -> Iterator[tuple[str, Conditions]]:
        for folder, name in walk(self.tree, self.top):
            match = self.names.match(name, f"{folder}/{name}")
            if match is None:
                continue
            if folder == (f"{self.top}/{match[1]}" if self.images == "full" else self.top):
                yield f"{folder}/{name}", Conditions.of(match)
            else:
                self.misplaced += 1
                self.first_misplaced = self.first_misplaced or f"{folder}/{name}"
