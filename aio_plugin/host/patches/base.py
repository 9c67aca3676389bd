"""Reversible changes to another library: an undo stack, and classes that stand in for the library's own."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

_ABSENT: Any = object()


class Patches:
    """An undo stack: :meth:`undo` reverts every change made through it, latest first."""

    def __init__(self) -> None:
        self._stack: list[Callable[[], object]] = []

    def set_attribute(self, owner: Any, name: str, value: Any) -> None:
        """``owner.name = value``; :meth:`undo` restores the very object that was there, or removes the attribute."""
        before = vars(owner).get(name, _ABSENT)
        if before is _ABSENT:
            self.on_undo(lambda: delattr(owner, name))
        else:
            self.on_undo(lambda: setattr(owner, name, before))
        setattr(owner, name, value)

    def set_item(self, mapping: MutableMapping[Any, Any], key: Any, value: Any) -> None:
        """``mapping[key] = value``, reverted in the same way."""
        before = mapping.get(key, _ABSENT)
        if before is _ABSENT:
            self.on_undo(lambda: mapping.pop(key, None))
        else:
            self.on_undo(lambda: mapping.__setitem__(key, before))
        mapping[key] = value

    def on_undo(self, action: Callable[[], object]) -> None:
        """Run ``action`` when the changes made so far are about to be reverted."""
        self._stack.append(action)

    def undo(self) -> None:
        """Revert every change."""
        while self._stack:
            self._stack.pop()()


class _StandIn(abc.ABCMeta):
    """Calls and type checks of a stand-in; derived from ABCMeta, so that users may mix in an ABC."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        stock: Any = cls.__dict__.get("_stock")
        if stock is None:  # a user's subclass
            return super().__call__(*args, **kwargs)
        try:
            arguments = inspect.signature(stock).bind(*args, **kwargs).arguments
        except TypeError:
            return stock(*args, **kwargs)  # raises torchreid's own error
        replacement = cls.__dict__["_choose"](arguments)
        return stock(*args, **kwargs) if replacement is None else replacement(**arguments)

    def __instancecheck__(cls, instance: Any) -> bool:
        stock: Any = cls.__dict__.get("_stock")
        return super().__instancecheck__(instance) if stock is None else isinstance(instance, stock)

    def __subclasscheck__(cls, subclass: type) -> bool:
        stock: Any = cls.__dict__.get("_stock")
        return super().__subclasscheck__(subclass) if stock is None else issubclass(subclass, stock)


def stand_in(stock: type, choose: Callable[[Mapping[str, Any]], Callable[..., Any] | None]) -> type:
    """A class to put in the place of ``stock``, which makes an instance of another class where ``choose`` says so.

    It is never instantiated itself: a call gives what the chosen class or ``stock`` gives. A user's subclass
    of it behaves as if derived from ``stock``.

    Args:
        choose: arguments of a call, by name -> what to call with them by name; None means ``stock``.
    """
    names = ("__module__", "__qualname__", "__doc__")
    body = {"_stock": stock, "_choose": choose, **{name: getattr(stock, name) for name in names}}
    return _StandIn(stock.__name__, (stock,), body)
