"""The datasets this package reads, by their torchreid names.

One from outside comes in by :func:`aio_plugin.register_dataset` or an entry point of the group
``aio_plugin.datasets``. To add one here: a module with an ``ADAPTER`` (or several ``ADAPTERS`` by name), and its name.
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


_ADAPTER = {
    "rgb": ("clonedperson", "finegpr", "luperson_nl", "randperson", "unrealperson"),
    "infrared": ("llcm", "regdb", "sysu_mm01"),
    "sketch": ("mask1k", "pku_sketch"),
    "text": ("cuhk_pedes", "finegpr_c", "icfg_pedes", "luperson_t", "mals", "rstpreid", "synth_pedes"),
    "multimodal": ("rgbnt201",),
}
"""Folder -> names of its datasets, each a module of that name."""
_ADAPTERS = {
    "rgb.cuhk03": tuple(f"cuhk03_{split}_{boxes}" for split in ("np", "classic") for boxes in ("detected", "labeled")),
    "rgb.msmt17": ("msmt17_v1", "msmt17_v2", "msmt17_all"),
    "text.ufine": ("ufine6926", "ufine3c"),
    "multimodal.orbench": ("orbench", "orbench_one", "orbench_two", "orbench_three", "orbench_four"),
    "multimodal.tri": ("tri_cuhk_pedes", "tri_icfg_pedes", "tri_rstpreid"),
}
"""Module -> names of its datasets."""
ADAPTERS: Registry[Adapter] = Registry(
    "dataset",
    "aio_plugin.datasets",
    {
        **{name: f"{__name__}.{folder}.{name}:ADAPTER" for folder, names in _ADAPTER.items() for name in names},
        **{name: f"{__name__}.{module}:ADAPTERS" for module, names in _ADAPTERS.items() for name in names},
        "manifest": f"{__name__}.manifest.adapter:ADAPTER",
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
