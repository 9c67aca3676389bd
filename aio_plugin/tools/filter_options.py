"""The options of commands that say which rows of an index are meant."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..search.filters import Filter


def add_filter_options(parser: argparse.ArgumentParser) -> None:
    """Let a command choose rows; read them by :func:`filter_of`."""
    group = parser.add_argument_group("rows of the index", "all conditions hold; of one that is repeated, any")
    for name in ("pid", "camera", "track"):
        group.add_argument(f"--{name}", action="append", default=[], metavar="VALUE", help=f"with this {name}")
    group.add_argument("--after", default="", metavar="TIME", help="from this time on: 2024-01-31 16:30, or seconds")
    group.add_argument("--before", default="", metavar="TIME", help="before this time")
    group.add_argument(
        "--path", action="append", default=[], help="this picture, or those of this folder, below the root"
    )
    group.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=VALUE", help="with this value of a further column"
    )


def filter_of(args: argparse.Namespace) -> Filter:
    """The rows that the options name.

    Raises:
        ConfigError: a time or a condition cannot be read.
        GalleryError: there are too many conditions.
    """
    from ..search.filters import Filter, parse_time

    values: dict[str, list[str]] = {name: list(getattr(args, name)) for name in ("pid", "camera", "track")}
    for condition in args.where:
        name, equals, value = condition.partition("=")
        if not equals:
            raise ConfigError(f"--where {condition!r} is not COLUMN=VALUE.")
        values.setdefault(name, []).append(value)
    try:
        after, before = (parse_time(text) if text else None for text in (args.after, args.before))
    except ValueError as error:
        raise ConfigError(f"{error}.") from error
    return Filter({name: given for name, given in values.items() if given}, after, before, args.path)
