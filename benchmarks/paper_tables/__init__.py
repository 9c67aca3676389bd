"""The papers' tables, regenerated: all of them, those that share most runs first."""

from __future__ import annotations

from collections.abc import Sequence

from aio_plugin.errors import ConfigError, nearest

from . import aio, dmf, own
from .scales import Scale
from .spec import Table


def tables(scale: Scale) -> dict[str, Table]:
    """Name -> definition."""
    made = [make(scale) for module in (aio, own, dmf) for make in module.TABLES]
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
            raise ConfigError(f"Unknown table {name!r}.{nearest(name, known)}")
    return [table for name, table in known.items() if not full or name in full]
