"""AIO's data manager in the place of torchreid's, where a config or a dataset asks for it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from ...datasets import ADAPTERS
from ..run_config import session
from .base import Patches, stand_in


def patch_data_manager(torchreid: ModuleType, patches: Patches) -> None:
    """Replace ``torchreid.data.ImageDataManager``."""

    def choose(arguments: Mapping[str, Any]) -> Callable[..., Any] | None:
        config = session.config_of(arguments)
        if not (config.asks_for_aio or (not config and _has_own_datasets(arguments))):
            return None
        from ..data_manager import AIODataManager

        return functools.partial(AIODataManager, config=config)

    stock = torchreid.data.ImageDataManager
    patches.set_attribute(torchreid.data, stock.__name__, stand_in(stock, choose))


def _has_own_datasets(arguments: Mapping[str, Any]) -> bool:
    """Whether a source or target is a dataset that only this package knows."""
    lists = (arguments.get("sources") or (), arguments.get("targets") or ())
    names = [name for each in lists for name in ([each] if isinstance(each, str) else each)]
    return any(name.partition("@")[0] in ADAPTERS for name in names)
