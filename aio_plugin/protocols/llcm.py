"""LLCM (Zhang and Wang, CVPR 2023): one random image per person and camera against all of the other modality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..errors import ProtocolError
from ..metrics.retrieval import Cmc
from ..modality import Item
from .base import Protocol, RemovalRule, Trial, draw_agw, items_by_place

Direction = Literal["ir_to_vis", "vis_to_ir", "deen_release"]
_DIRECTIONS: dict[Direction, str] = {
    "ir_to_vis": "all infrared queries, sampled RGB gallery",
    "vis_to_ir": "all RGB queries, sampled infrared gallery",
    "deen_release": "sampled infrared queries, all RGB gallery (DEEN's release calls this VIS to IR)",
}


@dataclass
class LLCM(Protocol):
    """Rank-k counts identities; the same person under the same camera number is removed.

    RGB and infrared cameras of one number hang in one place, and their numbers are compared as they are.

    Attributes:
        direction: ``"ir_to_vis"`` and ``"vis_to_ir"`` draw the gallery, as the paper says;
            ``"deen_release"`` is what the released script computes under the name VIS to IR: it
            draws infrared queries and searches all RGB images. The two are not comparable.

    Raises:
        ProtocolError: the direction is not one of these.
    """

    direction: Direction = "ir_to_vis"
    dataset: str = field(default="llcm", init=False)
    removal: RemovalRule = field(default="same_camera", init=False)
    cmc: Cmc = field(default="identity", init=False)
    num_trials: int = field(default=10, init=False)
    drawn_by: str = field(default="agw", init=False)

    def __post_init__(self) -> None:
        if self.direction not in _DIRECTIONS:
            raise ProtocolError(
                f"llcm: direction {self.direction!r} is not known; use one of {', '.join(_DIRECTIONS)}."
            )

    @property
    def name(self) -> str:
        """With the direction and the way in which trials are drawn."""
        return f"llcm, {_DIRECTIONS[self.direction]}, {self.num_trials} trials drawn as AGW does (seeds 0 to 9)"

    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield ten trials."""
        draws_query = self.direction == "deen_release"
        places = items_by_place(query if draws_query else gallery)
        for number in range(self.num_trials):
            drawn = draw_agw(places, number)
            chosen = (drawn, range(len(gallery))) if draws_query else (range(len(query)), drawn)
            yield self.make_trial(f"trial {number + 1}", query, gallery, *chosen)
