"""Opens all patches at once, and closes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .patches.base import Patches
from .patches.checkpoints import open_checkpoints
from .patches.configs import open_configs, read
from .patches.datasets import open_datasets
from .patches.dispatch import open_data_manager, open_engines
from .patches.models import open_models
from .patches.optim import open_optim
from .patches.safetensors import open_safetensors
from .session import session
from .torchreid_import import alias, find

_open: Patches | None = None
_exact = False


def register(config: Mapping[str, Any] | str | os.PathLike[str] | None = None, *, exact_ranking: bool = False) -> None:
    """See :func:`aio_plugin.register`."""
    global _open, _exact
    torchreid = find()
    given = None if config is None else read(config)
    if _open is None:
        patches = Patches()
        try:
            _open_all(torchreid, patches)
        except BaseException:
            patches.undo()
            raise
        _open = patches
    if exact_ranking and not _exact:
        from .patches.ranking import open_ranking  # the metrics, which a plain register() need not import

        open_ranking(torchreid, _open)
        _exact = True
    if given is not None:
        session.given, session.settings = given


def unregister() -> None:
    """See :func:`aio_plugin.unregister`."""
    global _open, _exact
    if _open is not None:
        _open.undo()
        _open, _exact = None, False
    session.clear()


def _open_all(torchreid: Any, patches: Patches) -> None:
    alias(torchreid, patches)
    open_checkpoints(patches)
    open_safetensors(torchreid, patches)
    open_datasets(torchreid, patches)
    open_models(torchreid, patches)
    open_data_manager(torchreid, patches)
    open_engines(torchreid, patches)
    open_optim(torchreid, patches)
    open_configs(patches)
