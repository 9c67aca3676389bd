"""One trial for every combination of modalities that the queries come in: ORBench (ReID5o, 2025)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..modality import Combination, Item, format_combination
from .base import Protocol, Trial
from .simple import Open, Whole


class Kinds(Protocol):
    """The queries of one combination, the first modality told apart from the others, are a trial.

    The mean over trials gives every combination the same weight, however many queries it has.

    Args:
        name: as it stands in results, before the removal rule.
        rule: what each trial removes.
    """

    def __init__(self, name: str, rule: type[Whole] = Open) -> None:
        self.name = f"{name}, one trial for every combination, {rule.rule}"
        self.rule = rule(name)

    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield one trial a combination, in the order in which they come."""
        kinds: dict[Combination, list[int]] = {}
        for index, item in enumerate(query):
            kinds.setdefault(item.media.combination, []).append(index)
        everything = np.arange(len(gallery))
        for kind, members in kinds.items():
            keys = self.rule.keys([query[i] for i in members], gallery)
            yield Trial(format_combination(kind), np.array(members, dtype=np.int64), everything, *keys)
