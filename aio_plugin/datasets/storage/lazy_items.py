"""Items that are made when they are asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import overload

from ...modality import Item


class LazyItems(Sequence[Item]):
    """A sequence of items that keeps something smaller; a subclass knows how many and makes one by its number."""

    @abstractmethod
    def item(self, number: int) -> Item:
        """The item at 0 <= ``number`` < ``len(self)``."""

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        """The item, or the list of items of a slice."""
        if isinstance(index, slice):
            return [self.item(number) for number in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"Item {index} of {len(self)}.")
        return self.item(number)
