"""Reversible changes to another library."""

from __future__ import annotations

import contextlib
import inspect
import operator
from collections.abc import Callable, MutableMapping
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
