"""AIO's engine in the place of torchreid's image engines, for AIO models."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ...errors import ConfigError, HostError
from ...models.specs import NAMES
from ...training import distributed
from ..run_config import is_aio
from ..settings import TRIPLET, check_settings
from .base import Patches, replace_class


def patch_engines(torchreid: ModuleType, patches: Patches) -> None:
    """Let ``ImageSoftmaxEngine(...)`` make AIO's engine; ``ImageTripletEngine`` is refused for AIO models."""
    engine = torchreid.engine
    video = engine.VideoSoftmaxEngine, engine.VideoTripletEngine

    def choose(called: type, arguments: Mapping[str, Any]) -> type | None:
        if not is_aio(arguments["model"]):
            _check_stock_model(arguments["datamanager"], type(arguments["model"]).__name__)
            return None
        if issubclass(called, video):
            check_settings({"data.type": "video"})
        if issubclass(called, engine.ImageTripletEngine):
            raise ConfigError(
                f"ImageTripletEngine and its margin and weights do not apply to AIO models. {TRIPLET} Build an "
                "ImageSoftmaxEngine."
            )
        from ..engine import AIOEngine

        return AIOEngine

    for stock in (engine.ImageSoftmaxEngine, engine.ImageTripletEngine):  # video engines derive from them
        replace_class(patches, stock, choose)


def _check_stock_model(datamanager: Any, model: str) -> None:
    if hasattr(datamanager, "loader_at"):
        raise HostError(
            f"{model} is one of torchreid's models, but the data manager is AIO's. Choose an AIO model "
            f"({', '.join(NAMES)}), or remove the `aio:` node from the config (or the mapping from register())."
        )
    if distributed.world_size() > 1:
        raise HostError(
            f"{model} is one of torchreid's models, whose engine trains in one process: {distributed.world_size()} "
            "processes would each train a model and overwrite each other's files. Start it without torchrun."
        )
