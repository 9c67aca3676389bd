"""SYSU-MM01 (Wu et al., ICCV 2017): ten galleries of a few RGB images, searched by all infrared images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..errors import ProtocolError
from ..metrics.labels import IntArray
from ..metrics.retrieval import Cmc
from ..modality import Item
from .base import ItemsByPlace, Protocol, RemovalRule, Trial, draw_agw, items_by_place

CAMERAS = {"all": (1, 2, 4, 5), "indoor": (1, 2)}
LOCATIONS = (1, 2, 2, 4, 5, 6)
"""Locations of cameras 1 to 6: 2 and 3 share a room, so all of camera 2 is removed for a query of camera 3."""

SysuPermutations = Mapping[int, Mapping[int, IntArray]]


@dataclass
class SysuMM01(Protocol):
    """Rank-k counts identities, mAP and mINP images; camera 3 does not search camera 2, whoever is seen.

    Attributes:
        mode: ``"all"`` draws from cameras 1, 2, 4, 5, ``"indoor"`` from 1 and 2.
        shots: images drawn of every person under every camera, 1 or 10.
        drawn_by: ``"official"`` takes the first ``shots`` of a row of the permutations, counting
            images in the order of their names; ``"agw"`` draws with Python's random, seeds 0 to 9.
        permutations: camera (from 1) -> raw identity -> (10, n) image numbers from 1; for official
            trials only.

    Raises:
        ProtocolError: an argument is not one of these.

    Example:
        >>> SysuMM01("indoor", 10, "agw").name
        'sysu_mm01, indoor search, multi-shot, 10 trials drawn as AGW does (seeds 0 to 9)'
    """

    mode: str = "all"
    shots: int = 1
    drawn_by: Literal["official", "agw"] = "official"
    permutations: SysuPermutations | None = field(default=None, repr=False)
    dataset: str = field(default="sysu_mm01", init=False)
    removal: RemovalRule = field(default="camera_location", init=False)
    cmc: Cmc = field(default="identity", init=False)
    num_trials: int = field(default=10, init=False)

    def __post_init__(self) -> None:
        if self.mode not in CAMERAS:
            raise ProtocolError(f"sysu_mm01: mode {self.mode!r} is not known; use 'all' or 'indoor'.")
        if self.shots not in (1, 10):
            raise ProtocolError(f"sysu_mm01: shots is 1 or 10, got {self.shots}.")
        if self.drawn_by not in ("official", "agw"):
            raise ProtocolError(f"sysu_mm01: trials {self.drawn_by!r} are not known; use 'official' or 'agw'.")
        if (self.drawn_by == "official") != (self.permutations is not None):
            raise ProtocolError(
                "sysu_mm01: official trials, and only they, are defined by permutations; pass those of "
                "rand_perm_cam.mat, or use trials 'agw' without any."
            )

    @property
    def name(self) -> str:
        """With mode, shots and the way in which trials are drawn."""
        drawn = "official trials" if self.drawn_by == "official" else "trials drawn as AGW does (seeds 0 to 9)"
        shot = "single" if self.shots == 1 else "multi"
        return f"{self.dataset}, {self.mode} search, {shot}-shot, {self.num_trials} {drawn}"

    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield ten trials; ``gallery`` is the pool that they draw from.

        Raises:
            ProtocolError: the permutations do not fit the pool.
        """
        cameras = CAMERAS[self.mode]
        places = {place: at for place, at in items_by_place(gallery).items() if place[1] + 1 in cameras}
        for number in range(self.num_trials):
            drawn = (
                draw_agw(places, number, self.shots)
                if self.permutations is None
                else self._official(self.permutations, places, number)
            )
            yield self.make_trial(f"trial {number + 1}", query, gallery, range(len(query)), drawn)

    def removal_key(self, item: Item) -> int:
        """The location of the item's camera."""
        if not 0 <= item.camid < len(LOCATIONS):
            raise ProtocolError(f"sysu_mm01 has cameras 1 to 6, got {item.camid + 1}; check the file names.")
        return LOCATIONS[item.camid]

    def _official(self, permutations: SysuPermutations, places: ItemsByPlace, number: int) -> IntArray:
        """The positions that row ``number`` (from 0) draws, camera by camera."""
        drawn: list[int] = []
        for pid, camid in sorted(places, key=lambda place: (place[1], place[0])):
            images = places[pid, camid]
            table = permutations.get(camid + 1, {}).get(pid)
            if table is None or table.shape != (self.num_trials, len(images)):
                defined = "nothing" if table is None else f"{table.shape[0]} trials of {table.shape[1]} images"
                raise ProtocolError(
                    f"sysu_mm01: person {pid} has {len(images)} images under camera {camid + 1}, but the permutations "
                    f"define {defined}. Restore the published images, or use trials 'agw'."
                )
            drawn += [images[image - 1] for image in table[number, : self.shots]]
        return np.array(drawn, dtype=np.int64)
