"""SYSU-MM01 (Wu et al., ICCV 2017): ten galleries of a few RGB images, searched by all infrared images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from ..errors import ProtocolError
from ..modality import Item
from .base import Ints, Protocol, Trial
from .draw import Places, draw_agw, places

TRIALS = 10
CAMERAS = {"all": (1, 2, 4, 5), "indoor": (1, 2)}
LOCATIONS = np.array([1, 2, 2, 4, 5, 6])
"""Where cameras 1 to 6 hang: 2 and 3 share a room, so a probe of camera 3 drops all of camera 2."""

Permutations = Mapping[int, Mapping[int, Ints]]


class SysuMM01(Protocol):
    """Rank-k counts identities, mAP and mINP images; camera 3 does not search camera 2, whoever is seen.

    Args:
        mode: ``"all"`` draws from cameras 1, 2, 4, 5, ``"indoor"`` from 1 and 2.
        shots: images drawn of every person under every camera, 1 or 10.
        trials: ``"official"`` takes the first ``shots`` of a row of the permutations, counting
            images in the order of their names; ``"agw"`` draws with Python's random, seeds 0 to 9.
        permutations: camera (from 1) -> raw identity -> (10, n) image numbers from 1; for official
            trials only.

    Raises:
        ProtocolError: an argument is not one of these.
    """

    cmc = "identity"

    def __init__(
        self,
        mode: str = "all",
        shots: int = 1,
        trials: Literal["official", "agw"] = "official",
        permutations: Permutations | None = None,
    ) -> None:
        if mode not in CAMERAS:
            raise ProtocolError(f"sysu_mm01: mode {mode!r} is not known; use 'all' or 'indoor'.")
        if shots not in (1, 10):
            raise ProtocolError(f"sysu_mm01: shots is 1 or 10, got {shots}.")
        if trials not in ("official", "agw"):
            raise ProtocolError(f"sysu_mm01: trials {trials!r} are not known; use 'official' or 'agw'.")
        if (trials == "official") != (permutations is not None):
            raise ProtocolError(
                "sysu_mm01: official trials, and only they, are defined by permutations; pass those of "
                "rand_perm_cam.mat, or use trials 'agw' without any."
            )
        self.cameras, self.shots, self.permutations = CAMERAS[mode], shots, permutations
        drawn = "official trials" if trials == "official" else "trials drawn as AGW does (seeds 0 to 9)"
        self.name = f"sysu_mm01, {mode} search, {'single' if shots == 1 else 'multi'}-shot, {TRIALS} {drawn}"

    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield ten trials; ``gallery`` is the pool that they draw from.

        Raises:
            ProtocolError: the permutations do not fit the pool.
        """
        found = {place: at for place, at in places(gallery).items() if place[1] + 1 in self.cameras}
        probes = np.arange(len(query))
        for number in range(TRIALS):
            drawn = draw_agw(found, number, self.shots) if self.permutations is None else self._official(found, number)
            yield Trial(
                f"trial {number + 1}", probes, drawn, _locations(query), _locations([gallery[i] for i in drawn])
            )

    def _official(self, found: Places, number: int) -> Ints:
        """The positions that row ``number`` (from 0) draws, camera by camera."""
        drawn: list[int] = []
        for pid, camid in sorted(found, key=lambda place: (place[1], place[0])):
            here = found[pid, camid]
            table = (self.permutations or {}).get(camid + 1, {}).get(pid)
            if table is None or table.shape != (TRIALS, len(here)):
                defined = "nothing" if table is None else f"{table.shape[0]} trials of {table.shape[1]} images"
                raise ProtocolError(
                    f"sysu_mm01: person {pid} has {len(here)} images under camera {camid + 1}, but the permutations "
                    f"define {defined}. Restore the published images, or use trials 'agw'."
                )
            drawn += [here[image - 1] for image in table[number, : self.shots]]
        return np.array(drawn, dtype=np.int64)


def _locations(items: Sequence[Item]) -> Ints:
    """(N,) the removal keys of items: where their cameras hang."""
    camids = np.array([item.camid for item in items], dtype=np.int64)
    if len(camids) and not (camids.min() >= 0 and camids.max() < len(LOCATIONS)):
        raise ProtocolError(f"sysu_mm01 has cameras 1 to 6, got {sorted(set(camids + 1))}; check the file names.")
    keys: Ints = LOCATIONS[camids]
    return keys
