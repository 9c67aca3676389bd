"""Reversible changes to another library."""

from __future__ import annotations

import contextlib
import functools
import inspect
import operator
from collections.abc import Callable, Mapping, MutableMapping
from types import FunctionType
from typing import Any

from ...errors import HostError

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

    def replace_function(
        self, function: FunctionType, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        """Let ``function`` do what ``wrap(original)`` does, whoever has imported it under whatever name.

        ``original`` is a copy that does what ``function`` did.
        """
        original = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
        original.__kwdefaults__ = function.__kwdefaults__
        functools.update_wrapper(original, function)
        del original.__wrapped__  # type: ignore[attr-defined]
        for name in ("__code__", "__defaults__", "__kwdefaults__"):
            self.callback(setattr, function, name, getattr(function, name))
        function.__defaults__, function.__kwdefaults__ = None, {"_replacement": wrap(original)}
        function.__code__ = _call_replacement.__code__
        self.set_attribute(function, "__wrapped__", original)  # for inspect.signature


def _call_replacement(*args: Any, _replacement: Callable[..., Any], **kwargs: Any) -> Any:
    return _replacement(*args, **kwargs)


def bind_arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names, with defaults for those that it leaves out."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


def replace_class(patches: Patches, stock: type, choose: Callable[[type, Mapping[str, Any]], type | None]) -> None:
    """Let ``stock(...)`` make an instance of another class where ``choose`` says so, however ``stock`` was imported.

    Args:
        choose: class that is called, ``stock`` or a user's subclass, and arguments by name -> class to make an instance
            of; None means the one that is called.

    Raises:
        HostError: from a call of a user's subclass of ``stock``: it would have to be of the other class.
    """
    original = stock.__init__  # type: ignore[misc]

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            arguments = inspect.signature(original).bind(self, *args, **kwargs).arguments
        except TypeError:
            return original(self, *args, **kwargs)  # type: ignore[no-any-return]  # raises torchreid's own error
        del arguments["self"]
        replacement = choose(type(self), arguments)
        if replacement is None:
            return original(self, *args, **kwargs)  # type: ignore[no-any-return]
        if type(self) is not stock:
            raise HostError(
                f"{type(self).__name__} derives from torchreid's {stock.__name__}, which does not serve AIO models and "
                f"datasets. Derive it from {replacement.__module__}.{replacement.__qualname__}."
            )
        self.__class__ = replacement
        return replacement.__init__(self, **arguments)  # type: ignore[no-any-return, misc]

    patches.set_attribute(stock, "__init__", __init__)
