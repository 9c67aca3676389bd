"""LLCM (Zhang and Wang, CVPR 2023): one drawn image a person and camera against all of the other modality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from ..errors import ProtocolError
from ..modality import Item
from .base import Protocol, Trial
from .draw import draw_agw, places
from .keys import same_camera

TRIALS = 10
DIRECTIONS = {
    "ir_to_vis": "all infrared queries, sampled RGB gallery",
    "vis_to_ir": "all RGB queries, sampled infrared gallery",
    "deen_release": "sampled infrared queries, all RGB gallery (DEEN's release calls this VIS to IR)",
}


class LLCM(Protocol):
    """Rank-k counts identities; the same person under the same camera number leaves the gallery.

    RGB and infrared cameras of one number hang in one place, and their numbers are compared as they are.

    Args:
        direction: ``"ir_to_vis"`` and ``"vis_to_ir"`` draw the gallery, as the paper says;
            ``"deen_release"`` is what the released script computes under the name VIS to IR: it
            draws infrared queries and searches all RGB images. The two are not comparable.

    Raises:
        ProtocolError: the direction is not one of these.
    """

    cmc = "identity"

    def __init__(self, direction: Literal["ir_to_vis", "vis_to_ir", "deen_release"] = "ir_to_vis") -> None:
        if direction not in DIRECTIONS:
            raise ProtocolError(f"llcm: direction {direction!r} is not known; use one of {', '.join(DIRECTIONS)}.")
        self.draws_query = direction == "deen_release"
        self.name = f"llcm, {DIRECTIONS[direction]}, {TRIALS} trials drawn as AGW does (seeds 0 to 9)"

    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield ten trials."""
        found = places(query if self.draws_query else gallery)
        for number in range(TRIALS):
            drawn = draw_agw(found, number)
            probes = drawn if self.draws_query else np.arange(len(query))
            searched = np.arange(len(gallery)) if self.draws_query else drawn
            keys = same_camera([query[i] for i in probes], [gallery[i] for i in searched])
            yield Trial(f"trial {number + 1}", probes, searched, *keys)
