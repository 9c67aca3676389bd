"""PKU-Sketch (Pang et al., ACM MM 2018): several splits of the people, sketches against photos in each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from ..errors import ProtocolError
from ..modality import Item
from .base import Protocol, Trial


@dataclass
class PKUSketch(Protocol):
    """One trial per split: the sketches of its test persons against their photos, nothing removed.

    Attributes:
        splits: raw identities of the test persons of every split.
        num_trials, persons: number of splits, and of the test persons in one, for example ``50 to 51``.

    Raises:
        ProtocolError: there is no split, or one is empty.

    Example:
        >>> PKUSketch([{1, 2}, {2, 3}]).name
        'pku_sketch, 2 splits of 2 test persons, nothing removed'
    """

    splits: Sequence[Collection[int]] = field(repr=False)
    dataset: str = field(default="pku_sketch", init=False)
    num_trials: int = field(init=False)
    persons: str = field(init=False)

    def __post_init__(self) -> None:
        if not self.splits or not all(self.splits):
            raise ProtocolError("pku_sketch: needs at least one split, and persons in every one; check the lists.")
        self.splits = [frozenset(split) for split in self.splits]
        sizes = sorted({len(split) for split in self.splits})
        self.num_trials = len(self.splits)
        self.persons = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"

    @property
    def name(self) -> str:
        """With the numbers of splits and persons."""
        return f"{self.dataset}, {self.num_trials} splits of {self.persons} test persons, nothing removed"

    def trials(self, query: Sequence[Item], gallery: Sequence[Item]) -> Iterator[Trial]:
        """Yield one trial per split."""
        for number, split in enumerate(self.splits, 1):
            sketches, photos = ([i for i, item in enumerate(side) if item.pid in split] for side in (query, gallery))
            yield self.make_trial(f"split {number}", query, gallery, sketches, photos)
