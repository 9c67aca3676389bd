"""AIO's engine in the place of torchreid's image engines, for AIO models."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ...errors import HostError
from ...models.specs import NAMES
from ...training import distributed
from ..run_config import is_aio
from .base import Patches, stand_in


def patch_engines(torchreid: ModuleType, patches: Patches) -> None:
    """Replace ``ImageSoftmaxEngine`` and ``ImageTripletEngine``."""

    def choose(arguments: Mapping[str, Any]) -> type | None:
        if is_aio(arguments["model"]):
            from ..engine import AIOEngine

            return AIOEngine
        _check_stock_model(arguments["datamanager"], type(arguments["model"]).__name__)
        return None

    for stock in (torchreid.engine.ImageSoftmaxEngine, torchreid.engine.ImageTripletEngine):
        replacement = stand_in(stock, choose)
        for module in (torchreid.engine, torchreid.engine.image):
            patches.set_attribute(module, stock.__name__, replacement)


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
