"""The datasets this package reads, by their torchreid names.

One from outside comes in by :func:`aio_plugin.register_dataset` or an entry point of the group
``aio_plugin.datasets``. To add one here: a module with an ``ADAPTER`` (or several ``ADAPTERS`` by name), and a line.
"""

from __future__ import annotations

from ..errors import DatasetError
from ..registry import Registry
from .base import Adapter, Options, Splits


def _check(name: str, adapter: object) -> None:
    if not isinstance(adapter, Adapter):
        raise DatasetError(f"Dataset {name!r} is {adapter!r}, not an aio_plugin.datasets.Adapter.")
    if adapter.name != name:
        raise DatasetError(f"Dataset {name!r} is an adapter whose name is {adapter.name!r}; give both one name.")
    undocumented = [option.name for option in adapter.options if not option.about]
    if undocumented:
        raise DatasetError(f"Dataset {name!r}: its option {undocumented[0]!r} is not documented; set Option.about.")


ADAPTERS: Registry[Adapter] = Registry(
    "dataset",
    "aio_plugin.datasets",
    {
        name: f"{__name__}.{place}"
        for name, place in {
            "synth_pedes": "text.synth_pedes:ADAPTER",
            "llcm": "infrared.llcm:ADAPTER",
            "mask1k": "sketch.mask1k:ADAPTER",
            "sysu_mm01": "infrared.sysu_mm01:ADAPTER",
            "pku_sketch": "sketch.pku_sketch:ADAPTER",
            "cuhk_pedes": "text.cuhk_pedes:ADAPTER",
            "icfg_pedes": "text.icfg_pedes:ADAPTER",
            "rstpreid": "text.rstpreid:ADAPTER",
            "tri_cuhk_pedes": "multimodal.tri:ADAPTERS",
            "tri_icfg_pedes": "multimodal.tri:ADAPTERS",
            "tri_rstpreid": "multimodal.tri:ADAPTERS",
            "manifest": "manifest.adapter:ADAPTER",
            "msmt17_v1": "rgb.msmt17:ADAPTERS",
            "msmt17_v2": "rgb.msmt17:ADAPTERS",
            "msmt17_all": "rgb.msmt17:ADAPTERS",
            "cuhk03_np_detected": "rgb.cuhk03:ADAPTERS",
            "cuhk03_np_labeled": "rgb.cuhk03:ADAPTERS",
            "cuhk03_classic_detected": "rgb.cuhk03:ADAPTERS",
            "cuhk03_classic_labeled": "rgb.cuhk03:ADAPTERS",
            "randperson": "rgb.randperson:ADAPTER",
            "clonedperson": "rgb.clonedperson:ADAPTER",
            "unrealperson": "rgb.unrealperson:ADAPTER",
            "luperson_nl": "rgb.luperson_nl:ADAPTER",
            "luperson_t": "text.luperson_t:ADAPTER",
            "finegpr": "rgb.finegpr:ADAPTER",
            "finegpr_c": "text.finegpr_c:ADAPTER",
            "mals": "text.mals:ADAPTER",
            "ufine6926": "text.ufine6926:ADAPTER",
            "ufine3c": "text.ufine3c:ADAPTER",
            "regdb": "infrared.regdb:ADAPTER",
            "rgbnt201": "multimodal.rgbnt201:ADAPTER",
            "orbench": "multimodal.orbench:ADAPTERS",
            "orbench_one": "multimodal.orbench:ADAPTERS",
            "orbench_two": "multimodal.orbench:ADAPTERS",
            "orbench_three": "multimodal.orbench:ADAPTERS",
            "orbench_four": "multimodal.orbench:ADAPTERS",
        }.items()
    },
    _check,
    DatasetError,
)
"""Every dataset by its name; a module is imported when its adapter is asked for."""

TORCHREID_ADAPTERS: Registry[Adapter] = Registry(
    "dataset", built_in={"market1501": f"{__name__}.rgb.market1501:ADAPTER"}, error=DatasetError
)
"""Datasets that torchreid provides: models read torchreid's own, the doctor and tables of counts these adapters."""


def all_adapters() -> dict[str, Adapter]:
    """``ADAPTERS`` and ``TORCHREID_ADAPTERS``, all imported."""
    return dict([*ADAPTERS.items(), *TORCHREID_ADAPTERS.items()])


__all__ = ["ADAPTERS", "TORCHREID_ADAPTERS", "Adapter", "Options", "Splits", "all_adapters"]
