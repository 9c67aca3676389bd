"""Reversible changes to another library."""

from __future__ import annotations

import abc
import contextlib
import inspect
import operator
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

_ABSENT: Any = object()


class Patches(contextlib.ExitStack):
    """Changes that :meth:`close`, or the end of a ``with`` block, reverts, latest first."""

    def set_attribute(self, owner: Any, name: str, value: Any) -> None:
        """``owner.name = value``; to revert it restores the very object that was there, or removes the attribute."""
        before = vars(owner).get(name, _ABSENT)
        self.callback(*(delattr, owner, name) if before is _ABSENT else (setattr, owner, name, before))
        setattr(owner, name, value)

    def set_item(self, mapping: MutableMapping[Any, Any], key: Any, value: Any) -> None:
        """``mapping[key] = value``, reverted in the same way."""
        before = mapping.get(key, _ABSENT)
        self.callback(*(mapping.pop, key, None) if before is _ABSENT else (operator.setitem, mapping, key, before))
        mapping[key] = value


def bind_arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names, with defaults for those that it leaves out."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


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
