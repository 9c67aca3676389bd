"""Reversible changes to objects of others."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

_ABSENT: Any = object()


class Patches:
    """An undo stack: every change made through it is taken back by :meth:`undo`, latest first."""

    def __init__(self) -> None:
        self._stack: list[Callable[[], object]] = []

    def set_attribute(self, owner: Any, name: str, value: Any) -> None:
        """``owner.name = value``; undone to the very object that stood there, or to nothing."""
        before = vars(owner).get(name, _ABSENT)
        if before is _ABSENT:
            self.on_undo(lambda: delattr(owner, name))
        else:
            self.on_undo(lambda: setattr(owner, name, before))
        setattr(owner, name, value)

    def set_item(self, mapping: MutableMapping[Any, Any], key: Any, value: Any) -> None:
        """``mapping[key] = value``, undone likewise."""
        before = mapping.get(key, _ABSENT)
        if before is _ABSENT:
            self.on_undo(lambda: mapping.pop(key, None))
        else:
            self.on_undo(lambda: mapping.__setitem__(key, before))
        mapping[key] = value

    def on_undo(self, action: Callable[[], object]) -> None:
        """Run ``action`` when it is this change's turn to be undone."""
        self._stack.append(action)

    def undo(self) -> None:
        """Take every change back."""
        while self._stack:
            self._stack.pop()()
