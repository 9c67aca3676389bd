"""AIO's data manager in the place of torchreid's, where a config or a dataset asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ...datasets import ADAPTERS
from ..run_config import session
from ..settings import check_cuda, check_settings
from .base import Patches, replace_class


def patch_data_manager(torchreid: ModuleType, patches: Patches) -> None:
    """Let ``ImageDataManager(...)`` make AIO's data manager; ``VideoDataManager`` is refused for AIO models."""

    stock = torchreid.data.ImageDataManager

    def choose(called: type, arguments: Mapping[str, Any]) -> type | None:
        config = session.config_of(arguments)
        if not (config.asks_for_aio or (not config and called is stock and _has_own_datasets(arguments))):
            check_cuda(config.setting("use_gpu", False))
            return None
        from ..data_manager import AIODataManager

        return AIODataManager

    def choose_video(called: type, arguments: Mapping[str, Any]) -> None:
        config = session.config_of(arguments)
        if config.asks_for_aio:
            check_settings({"data.type": "video"})
        check_cuda(config.setting("use_gpu", False))

    replace_class(patches, stock, choose)
    replace_class(patches, torchreid.data.VideoDataManager, choose_video)


def _has_own_datasets(arguments: Mapping[str, Any]) -> bool:
    """Whether a source or target is a dataset that only this package knows."""
    lists = (arguments.get("sources") or (), arguments.get("targets") or ())
    names = [name for each in lists for name in ([each] if isinstance(each, str) else each)]
    return any(name.partition("@")[0] in ADAPTERS for name in names)
