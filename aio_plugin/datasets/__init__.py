"""The datasets this package reads, by their torchreid names.

To add one: a module with an ``ADAPTER`` (or several ``ADAPTERS`` by name), and a line in ``MODULES``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from ..errors import DatasetError, nearest
from .base import Adapter, Options, Splits

MODULES = {
    "synth_pedes": "text.synth_pedes",
    "llcm": "infrared.llcm",
    "mask1k": "sketch.mask1k",
    "sysu_mm01": "infrared.sysu_mm01",
    "pku_sketch": "sketch.pku_sketch",
    "cuhk_pedes": "text.cuhk_pedes",
    "icfg_pedes": "text.icfg_pedes",
    "rstpreid": "text.rstpreid",
    "tri_cuhk_pedes": "multimodal.tri",
    "tri_icfg_pedes": "multimodal.tri",
    "tri_rstpreid": "multimodal.tri",
    "manifest": "manifest.adapter",
    "msmt17_v1": "rgb.msmt17",
    "msmt17_v2": "rgb.msmt17",
    "msmt17_all": "rgb.msmt17",
    "cuhk03_np_detected": "rgb.cuhk03_np",
    "cuhk03_np_labeled": "rgb.cuhk03_np",
    "cuhk03_classic_detected": "rgb.cuhk03_classic",
    "cuhk03_classic_labeled": "rgb.cuhk03_classic",
    "randperson": "rgb.randperson",
    "clonedperson": "rgb.clonedperson",
    "unrealperson": "rgb.unrealperson",
    "luperson_nl": "rgb.luperson_nl",
    "luperson_t": "text.luperson_t",
    "finegpr": "text.finegpr",
    "finegpr_c": "text.finegpr",
    "mals": "text.mals",
    "ufine6926": "text.ufine6926",
    "ufine3c": "text.ufine3c",
    "regdb": "infrared.regdb",
    "rgbnt201": "multimodal.rgbnt201",
    "orbench": "multimodal.orbench",
    "orbench_one": "multimodal.orbench",
    "orbench_two": "multimodal.orbench",
    "orbench_three": "multimodal.orbench",
    "orbench_four": "multimodal.orbench",
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
