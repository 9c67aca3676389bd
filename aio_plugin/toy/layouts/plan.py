"""What a layout wants drawn and written, and the people it shows."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..drawing.pose import Pose
from ..people import Person, look_alike, sample_person
from ..sample import WORLD
from ..scene import Camera


class Picture(NamedTuple):
    """A file to draw.

    ``kind`` is "rgb", "ir" or "sketch"; ``by`` the camera, its number, or the hand's letter; ``key``
    seeds what the picture does not share with others. The suffix of ``path`` is the format.
    """

    path: str
    person: Person
    kind: str
    by: int | str | Camera
    key: tuple[int, ...]
    pose: Pose | None = None


@dataclass
class Plan:
    """Everything of one dataset, paths relative to the world's root."""

    folder: str
    pictures: list[Picture] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def text(self, path: str, content: str) -> None:
        """Plans a text file under the dataset's folder."""
        self.files[f"{self.folder}/{path}"] = content.encode()


class Source:
    """The randomness of one dataset of one world.

    Args:
        name: of the dataset; other names give other people.
        seed: of the world.
    """

    def __init__(self, name: str, seed: int) -> None:
        self.key = (WORLD, seed, zlib.crc32(name.encode()))
        self.rng = np.random.default_rng(self.key)
        self.count = 0

    def next_key(self) -> tuple[int, ...]:
        """The seed of a further picture."""
        self.count += 1
        return (*self.key, self.count)

    def crowd(self, count: int, paired: float = 0.0) -> list[Person]:
        """``count`` people, a share ``paired`` of whom are couples of look-alikes, shuffled."""
        couples = int(count * paired) // 2
        people = [sample_person(self.rng) for _ in range(count - couples)]
        people += [look_alike(person, self.rng) for person in people[:couples]]
        return [people[i] for i in self.rng.permutation(count)]

    def below(self, high: int) -> int:
        """A number of 0..high-1."""
        return int(self.rng.integers(high))


LOOK_ALIKES = 0.3
"""Share of the people of a test split who have a look-alike in it."""


def test_people(ids: int) -> int:
    """People in the test split of a set that is only tested on."""
    return max(20, ids // 5)
