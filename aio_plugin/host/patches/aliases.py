"""Upstream's module names for PyPI's distribution of torchreid."""

from __future__ import annotations

import sys
from types import ModuleType

from ..torchreid_import import PYPI, is_pypi
from .base import Patches


def patch_module_names(torchreid: ModuleType, patches: Patches) -> None:
    """Make PyPI's ``torchreid.reid.X`` importable as upstream's ``torchreid.X`` too."""
    if not is_pypi(torchreid):
        return
    for name, module in list(sys.modules.items()):
        upstream = "torchreid." + name.removeprefix(f"{PYPI}.")
        if name.startswith(f"{PYPI}.") and upstream not in sys.modules:
            patches.set_item(sys.modules, upstream, module)
