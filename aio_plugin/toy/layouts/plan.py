"""The files of one dataset of a toy world: pictures to draw, lists to write, and the people they show."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.io import savemat

from ..cameras import Camera
from ..drawing.pose import Pose
from ..people import WORLD, ToyPerson, look_alike, sample_person


class Picture(NamedTuple):
    """A picture to draw.

    ``kind`` is "rgb", "ir" or "sketch"; ``by`` is the camera, its number, or the letter of the drawing style; ``key``
    is the picture's seed. The suffix of ``path`` is the format.
    """

    path: str
    person: ToyPerson
    kind: str
    by: int | str | Camera
    key: tuple[int, ...]
    pose: Pose | None = None


class Plan:
    """All files of one dataset of one world, and the random numbers, seeds and people that they are made of.

    Args:
        name: of the dataset; other names give other people.
        folder: of the dataset, relative to the world's root, as all paths in the plan are.
        seed: of the world.

    Attributes:
        pictures: files to draw.
        files: contents of the other files.
        folders: folders that exist even if they are empty.
        rng, words: sources of random numbers, the latter for captions.
        count: number of the pictures' seeds that are in use.
    """

    def __init__(self, name: str, folder: str, seed: int) -> None:
        self.folder = folder
        self.pictures: list[Picture] = []
        self.files: dict[str, bytes] = {}
        self.folders: list[str] = []
        self._key = (WORLD, seed, zlib.crc32(name.encode()))
        self.rng = np.random.default_rng(self._key)
        self.words = np.random.default_rng((*self._key, 0, 1))
        self.count = 0

    def next_key(self) -> tuple[int, ...]:
        """The seed of the next picture."""
        self.count += 1
        return (*self._key, self.count)

    def people(self, count: int, paired: float = 0.0) -> list[ToyPerson]:
        """``count`` people, of whom a share ``paired`` are pairs of look-alikes, shuffled."""
        pairs = int(count * paired) // 2
        people = [sample_person(self.rng) for _ in range(count - pairs)]
        people += [look_alike(person, self.rng) for person in people[:pairs]]
        return [people[i] for i in self.rng.permutation(count)]

    def below(self, high: int) -> int:
        """A number of 0..high-1."""
        return int(self.rng.integers(high))

    def shuffled(self, count: int) -> list[int]:
        """The numbers 0..count-1 in a random order."""
        order: list[int] = self.rng.permutation(count).tolist()
        return order

    def draw(
        self,
        path: str,
        person: ToyPerson,
        kind: str,
        by: int | str | Camera,
        pose: Pose | None = None,
        key: tuple[int, ...] | None = None,
    ) -> None:
        """Plans a picture under the dataset's folder, from the next seed or from ``key``."""
        self.pictures.append(Picture(f"{self.folder}/{path}", person, kind, by, key or self.next_key(), pose))

    def text(self, path: str, content: str) -> None:
        """Plans a text file under the dataset's folder."""
        self.files[f"{self.folder}/{path}"] = content.encode()

    def lines(self, path: str, lines: Iterable[object]) -> None:
        """Plans a text file of ``lines``."""
        self.text(path, "".join(f"{line}\n" for line in lines))

    def json(self, path: str, content: object) -> None:
        """Plans a JSON file."""
        self.text(path, json.dumps(content))

    def mat(self, path: str, variables: Mapping[str, Any]) -> None:
        """Plans a MATLAB 5 file, the same bytes every time."""
        buffer = io.BytesIO()
        savemat(buffer, dict(variables))
        # the first 116 bytes are a remark with the time of writing, which would differ every time
        remark = b"MATLAB 5.0 MAT-file, toy world".ljust(116)
        self.files[f"{self.folder}/{path}"] = remark + buffer.getvalue()[116:]


LOOK_ALIKES = 0.3
"""Share of the people of a test split who have a look-alike in it."""


def test_people(ids: int) -> int:
    """People in the test split of a set that is only tested on."""
    return max(20, ids // 5)
