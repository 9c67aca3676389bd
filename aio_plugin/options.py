"""Documented options: of which type a value is, which are accepted, and errors that name the nearest key.

:mod:`.config` declares the ``aio`` node with them, and every dataset its own below ``aio.datasets``.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, NamedTuple, TypeVar

from .errors import ConfigError, nearest

T = TypeVar("T")

Accepts = Sequence[object] | Callable[[Any], "str | None"]
"""The values that an option can take, or a function that says what is wrong with one (None if nothing is)."""

LARGEST = 2**31 - 1
"""The largest whole number that a key takes."""


class Option(NamedTuple):
    """A documented option.

    Attributes:
        name, default, about: its key, default and meaning. The default gives the type.
        accepts: () accepts every value of that type.
    """

    name: str
    default: Any  # each option has a type of its own
    about: str
    accepts: Accepts = ()

    def check(self, value: Any, prefix: str) -> Any:
        """``value``; raises ConfigError if it is of another type than the default or not accepted."""
        wrong = None
        if type(value) is not type(self.default):
            wrong = f" It must be of type {type(self.default).__name__}."
        elif callable(self.accepts):
            wrong = self.accepts(value)
        elif self.accepts and value not in self.accepts:
            wrong = nearest(str(value), map(str, self.accepts))
        if wrong := wrong or _beyond(value):
            raise ConfigError(f"{prefix}.{self.name} is {value!r}.{wrong}")
        return value


OPEN = ("aio.loss.others",)
"""Keys whose values are mappings with names of any kind."""

DatasetOptions = Mapping[str, Sequence[Option]]
"""Name of a dataset -> its options."""


def resolve(dataset: str, options: Sequence[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every option of a dataset: that of ``values``, else the default.

    Raises:
        ConfigError: a name is unknown or a value is not accepted; names the nearest that is.
    """
    where = f"aio.datasets.{dataset}"
    check_keys(values, {option.name: option.default for option in options}, where)
    return {option.name: option.check(values.get(option.name, option.default), where) for option in options}


def rule(valid: Callable[[Any], object], must_be: str) -> Callable[[Any], str | None]:
    """Accepts the values for which ``valid`` is true; ``must_be`` describes them."""
    return lambda value: None if valid(value) else f" It must be {must_be}."


def at_least(least: int) -> Callable[[float], str | None]:
    """Accepts numbers from ``least`` on."""
    return rule(lambda value: value >= least, f"at least {least}")


def subset(letters: str) -> Callable[[str], str | None]:
    """Accepts one or more of ``letters``, each once."""
    return rule(
        lambda value: value and len(set(value)) == len(value) and set(value) <= set(letters),
        f"one or more of the letters {letters}, each once",
    )


FRACTION = rule(lambda value: 0 < value <= 1, "above 0 and at most 1")
PROBABILITY = rule(lambda value: 0 <= value < 1, "a probability: 0 or more and below 1")


def option(default: T, accepts: Accepts = ()) -> Callable[[str], T]:
    """A documented field of a dataclass, ``option(default, accepts)(about)``; see :class:`Option`."""

    def documented(about: str) -> T:
        metadata = {"about": " ".join(about.split()), "accepts": accepts}
        if isinstance(default, list | dict):
            return field(default_factory=default.copy, metadata=metadata)  # type: ignore[return-value]
        return field(default=default, metadata=metadata)

    return documented


def values_of(options: Sequence[Option], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The value of every option of the group ``where``: that of ``values``, which may be text, else the default."""
    return {
        option.name: option.check(_converted(values.get(option.name, option.default), type(option.default)), where)
        for option in options
    }


def _converted(value: Any, kind: type) -> Any:
    """``value`` as a ``kind`` where it stands for one: overrides and YAML's 1e-4 are text, and 1 can be a float."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            literal = ast.literal_eval(value)
            value = literal if kind is not str or isinstance(literal, str) else value
    if kind is dict and isinstance(value, Mapping):
        return {name: _converted(number, float) for name, number in value.items()}
    numeric = kind is float and type(value) is int and abs(value) < 2**53
    return kind(value) if numeric or (kind is list and isinstance(value, tuple)) else value


def typed(values: Mapping[str, object], defaults: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested ``values``, whose keys are among those of ``defaults``, in the types of these.

    Text can stand for a number, a whole number for a float, and one thing for a list of it.

    Raises:
        ConfigError: a value is of another type.
    """
    return {key: _typed(value, defaults[key], f"{prefix}{key}") for key, value in values.items()}


def _typed(value: object, default: object, where: str) -> object:
    if isinstance(default, Mapping):
        assert isinstance(value, Mapping)  # check_keys has seen to it
        return typed(value, default, f"{where}.")
    kinds = {type(each) for each in default} if isinstance(default, list) else {type(default)}
    if len(kinds) > 1 or type(None) in kinds:
        return value
    (kind,) = kinds or {str}
    given = _converted(value, list) if isinstance(default, list) else [value]
    given = [_converted(each, kind) for each in (given if isinstance(given, list) else [given])]
    if all(type(each) is kind and not _beyond(each) for each in given):
        return given if isinstance(default, list) else given[0]
    of = f"a list of {kind.__name__}" if isinstance(default, list) else f"of type {kind.__name__}"
    more = {str: ", in quotes if it looks like something else", int: f", at most {LARGEST:,}", float: ", finite"}
    raise ConfigError(f"{where} is {value!r}. It must be {of}{more.get(kind, '')}.")


def _beyond(value: object) -> str | None:
    """What is wrong with a number that is too large or not finite."""
    if type(value) is int and abs(value) > LARGEST:
        return f" It must be at most {LARGEST:,}."
    return " It must be finite." if type(value) is float and not math.isfinite(value) else None


def merge(base: object, values: object) -> object:
    """Nested mappings ``base`` with ``values``, which come first, as plain dictionaries."""
    if not (isinstance(base, Mapping) and isinstance(values, Mapping)):
        return values
    return {**base, **{key: merge(base.get(key), value) for key, value in values.items()}}


def nested(values: Mapping[str, object]) -> dict[str, Any]:
    """Values by dotted keys as nested mappings."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        *groups, name = key.split(".")
        place = result
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value
    return result


def check_keys(values: Mapping[str, object], known: Mapping[str, object], prefix: str = "") -> None:
    """Raise ConfigError for the first key of ``values`` that ``known`` lacks, naming the nearest."""
    for key, value in values.items():
        where = f"{prefix}.{key}" if prefix else str(key)
        if key not in known:
            paths = list(_paths(known, prefix))
            elsewhere = [full for full in paths if full.rsplit(".", 1)[-1] == key]
            match = elsewhere or difflib.get_close_matches(where, sorted(paths), n=1, cutoff=0.5)
            guess = f"Did you mean {match[0]!r}?" if match else f"Known there: {', '.join(sorted(map(str, known)))}."
            raise ConfigError(f"Unknown config key {where!r}. {guess}")
        group = known[key]
        if isinstance(group, Mapping):
            if not isinstance(value, Mapping):
                raise ConfigError(f"Config key {where!r} is a group of keys, got {value!r}.")
            if where not in OPEN:
                check_keys(value, group, where)


def _paths(node: Mapping[str, object], prefix: str) -> Iterator[str]:
    for key, value in node.items():
        where = f"{prefix}.{key}" if prefix else str(key)
        yield where
        if isinstance(value, Mapping):
            yield from _paths(value, where)
