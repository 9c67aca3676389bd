"""The datasets this package reads, by their torchreid names.

To add one: a module with an ``ADAPTER`` (or several ``ADAPTERS`` by name), and a line in ``MODULES``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from ..errors import DatasetError, nearest
from .base import Adapter, Options, Splits

MODULES = {
    "synth_pedes": "synth_pedes",
    "llcm": "llcm",
    "mask1k": "mask1k",
    "sysu_mm01": "sysu_mm01",
    "pku_sketch": "pku_sketch",
    "cuhk_pedes": "cuhk_pedes",
    "icfg_pedes": "icfg_pedes",
    "rstpreid": "rstpreid",
    "tri_cuhk_pedes": "tri",
    "tri_icfg_pedes": "tri",
    "tri_rstpreid": "tri",
    "manifest": "manifest",
    "msmt17_v1": "msmt17",
    "msmt17_v2": "msmt17",
    "msmt17_all": "msmt17",
    "cuhk03_np_detected": "cuhk03_np",
    "cuhk03_np_labeled": "cuhk03_np",
    "cuhk03_classic_detected": "cuhk03_classic",
    "cuhk03_classic_labeled": "cuhk03_classic",
    "randperson": "randperson",
    "clonedperson": "clonedperson",
    "unrealperson": "unrealperson",
    "luperson_nl": "luperson_nl",
    "luperson_t": "luperson_t",
    "finegpr": "finegpr",
    "finegpr_c": "finegpr",
    "mals": "mals",
    "ufine6926": "ufine6926",
    "ufine3c": "ufine3c",
    "regdb": "regdb",
    "rgbnt201": "rgbnt201",
    "orbench": "orbench",
    "orbench_one": "orbench",
    "orbench_two": "orbench",
    "orbench_three": "orbench",
    "orbench_four": "orbench",
}
"""Name of a dataset -> module that reads it."""

NAMES = tuple(MODULES)


class _Adapters(Mapping[str, Adapter]):
    """Name -> adapter; a dataset's module is imported when it is asked for, as register() needs but the names."""

    def __getitem__(self, name: str) -> Adapter:
        if name not in NAMES:
            raise KeyError(name)
        module = import_module(f".{MODULES[name]}", __name__)
        adapter: Adapter = module.ADAPTERS[name] if hasattr(module, "ADAPTERS") else module.ADAPTER
        return adapter

    def __contains__(self, name: object) -> bool:
        return name in NAMES  # Mapping's own would import

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


ADAPTERS: Mapping[str, Adapter] = _Adapters()


def get(name: str) -> Adapter:
    """The adapter of that name.

    Raises:
        DatasetError: there is none; names the nearest.
    """
    if name not in ADAPTERS:
        raise DatasetError(f"Unknown dataset {name!r}.{nearest(name, ADAPTERS)}")
    return ADAPTERS[name]


__all__ = ["ADAPTERS", "NAMES", "Adapter", "Options", "Splits", "get"]
