"""AIO's data manager in the place of torchreid's, where a config or a dataset asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ...datasets import ADAPTERS
from ..run_config import session
from .base import Patches, replace_class


def patch_data_manager(torchreid: ModuleType, patches: Patches) -> None:
    """Let ``ImageDataManager(...)`` make AIO's data manager."""

    stock = torchreid.data.ImageDataManager

    def choose(called: type, arguments: Mapping[str, Any]) -> type | None:
        config = session.config_of(arguments)
        if not (config.asks_for_aio or (not config and called is stock and _has_own_datasets(arguments))):
            return None
        from ..data_manager import AIODataManager

        return AIODataManager

    replace_class(patches, stock, choose)


def _has_own_datasets(arguments: Mapping[str, Any]) -> bool:
    """Whether a source or target is a dataset that only this package knows."""
    lists = (arguments.get("sources") or (), arguments.get("targets") or ())
    names = [name for each in lists for name in ([each] if isinstance(each, str) else each)]
    return any(name.partition("@")[0] in ADAPTERS for name in names)
