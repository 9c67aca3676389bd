"""The options of a dataset: declared once, with meaning and accepted values, and checked when read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...errors import ConfigError, nearest
from ..base import Options


class Option(NamedTuple):
    """One option of a dataset.

    Attributes:
        name, default, about: its name below ``aio.datasets.<dataset>``, its default and meaning.
        accepts: the values it can take, or a function that says what is wrong with one (None if
            nothing is); () takes any value of the default's type.
    """

    name: str
    default: Any
    about: str
    accepts: Sequence[Any] | Callable[[Any], str | None] = ()


def defaults(options: Sequence[Option]) -> dict[str, Any]:
    """Name -> default."""
    return {option.name: option.default for option in options}


def about(options: Sequence[Option]) -> dict[str, str]:
    """Name -> meaning."""
    return {option.name: option.about for option in options}


def resolve(dataset: str, options: Sequence[Option], given: Options) -> dict[str, Any]:
    """The value of every option: the given one, else the default.

    Raises:
        ConfigError: a name is unknown or a value is not accepted; names the nearest that is.
    """
    values = defaults(options)
    for name in given:
        if name not in values:
            raise ConfigError(f"Unknown option aio.datasets.{dataset}.{name}.{nearest(name, values)}")
    values.update(given)
    for option in options:
        wrong = _wrong(option, values[option.name])
        if wrong:
            raise ConfigError(f"aio.datasets.{dataset}.{option.name} is {values[option.name]!r}.{wrong}")
    return values


def at_least(least: int) -> Callable[[Any], str | None]:
    """Accepts integers from ``least`` on."""
    return lambda value: None if value >= least else f" It must be at least {least}."


def subset(letters: str) -> Callable[[Any], str | None]:
    """Accepts one or more of ``letters``, each once."""

    def wrong(value: Any) -> str | None:
        if value and len(set(value)) == len(value) and set(value) <= set(letters):
            return None
        return f" It must be one or more of the letters {letters}, each once."

    return wrong


def _wrong(option: Option, value: Any) -> str | None:
    if type(value) is not type(option.default):
        return f" It must be of type {type(option.default).__name__}."
    if callable(option.accepts):
        return option.accepts(value)
    if option.accepts and value not in option.accepts:
        return nearest(str(value), map(str, option.accepts))
    return None
