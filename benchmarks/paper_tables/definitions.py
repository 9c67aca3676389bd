"""All tables, in the order in which they are made: those that share most runs first."""

from __future__ import annotations

from collections.abc import Sequence

from aio_plugin.errors import ConfigError, nearest

from . import aio as aio_tables
from . import dmf as dmf_tables
from . import own as own_tables
from .scales import Scale
from .spec import Table


def tables(scale: Scale) -> dict[str, Table]:
    """Name -> definition."""
    made = [make(scale) for module in (aio_tables, own_tables, dmf_tables) for make in module.TABLES]
    return {table.name: table for table in made}


def chosen(names: Sequence[str], scale: Scale) -> list[Table]:
    """The tables called ``names``; ``4`` is AIO's table 4. None named: all.

    Raises:
        ConfigError: a name is unknown; names the nearest.
    """
    known = tables(scale)
    full = [f"aio{name}" if name.isdigit() else name for name in names]
    for name in full:
        if name not in known:
            raise ConfigError(f"There is no table {name!r}.{nearest(name, known)}")
    return [table for name, table in known.items() if not full or name in full]
