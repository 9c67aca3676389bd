"""AIO's data manager in the place of torchreid's ImageDataManager, where AIO's data is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...datasets import ADAPTERS
from ...models.specs import NAMES
from ..session import session
from .base import Patches, stand_in


def patch_data_manager(torchreid: Any, patches: Patches) -> None:
    """Replace ``torchreid.data.ImageDataManager``."""

    def choose(arguments: Mapping[str, Any]) -> type | None:
        if not _wants_aio(arguments):
            return None
        from ..data_manager import AIODataManager

        return AIODataManager

    stock = torchreid.data.ImageDataManager
    patches.set_attribute(torchreid.data, stock.__name__, stand_in(stock, choose))


def _wants_aio(arguments: Mapping[str, Any]) -> bool:
    """Whether the data is meant for an AIO model.

    A config says so by its ``aio`` node or its model. Without a config, what register() was given or a
    dataset that only we know decides.
    """
    if session.cfg is not None:
        return "aio" in session.cfg or session.setting("model.name", "") in NAMES
    return session.given is not None or any(
        name.partition("@")[0] in ADAPTERS
        for part in ("sources", "targets")
        for name in ([arguments[part]] if isinstance(arguments.get(part), str) else arguments.get(part) or ())
    )
