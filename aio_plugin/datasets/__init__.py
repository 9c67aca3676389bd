"""The datasets this package reads, by their torchreid names.

To add one: a file with an ``ADAPTER``, and its module in ``ADAPTERS``.
"""

from __future__ import annotations

from ..errors import DatasetError, nearest
from . import cuhk_pedes, llcm, mask1k, pku_sketch, synth_pedes, sysu_mm01, tri_cuhk_pedes
from .base import Adapter, Options, Splits

ADAPTERS: dict[str, Adapter] = {
    module.ADAPTER.name: module.ADAPTER
    for module in (synth_pedes, llcm, mask1k, sysu_mm01, pku_sketch, cuhk_pedes, tri_cuhk_pedes)
}


def get(name: str) -> Adapter:
    """The adapter of that name.

    Raises:
        DatasetError: there is none; names the nearest.
    """
    if name not in ADAPTERS:
        raise DatasetError(f"Unknown dataset {name!r}.{nearest(name, ADAPTERS)}")
    return ADAPTERS[name]


__all__ = ["ADAPTERS", "Adapter", "Options", "Splits", "get"]
