"""Opens all patches at once, and closes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ..registry import import_plugins
from .patches.aliases import patch_module_names
from .patches.base import Patches
from .patches.checkpoints import patch_checkpoint_loading
from .patches.configs import patch_configs, read_config
from .patches.data_manager import patch_data_manager
from .patches.datasets import patch_datasets
from .patches.engines import patch_engines
from .patches.models import patch_models
from .patches.optim import patch_optim
from .patches.safetensors import patch_safetensors
from .session import session
from .torchreid_import import import_torchreid

_open: Patches | None = None
_exact = False


def register(config: Mapping[str, Any] | str | os.PathLike[str] | None = None, *, exact_ranking: bool = False) -> None:
    """See :func:`aio_plugin.register`."""
    global _open, _exact
    torchreid = import_torchreid()
    import_plugins()
    given = None if config is None else read_config(config)
    if _open is None:
        patches = Patches()
        try:
            _open_all(torchreid, patches)
        except BaseException:
            patches.undo()
            raise
        _open = patches
    if exact_ranking and not _exact:
        from .patches.ranking import patch_ranking  # the metrics, which a plain register() need not import

        patch_ranking(torchreid, _open)
        _exact = True
    if given is not None:
        session.register(*given)


def unregister() -> None:
    """See :func:`aio_plugin.unregister`."""
    global _open, _exact
    if _open is not None:
        _open.undo()
        _open, _exact = None, False
    session.clear()


def _open_all(torchreid: ModuleType, patches: Patches) -> None:
    patch_module_names(torchreid, patches)
    patch_checkpoint_loading(patches)
    patch_configs(patches)
    for patch in (
        patch_safetensors,
        patch_datasets,
        patch_models,
        patch_data_manager,
        patch_engines,
        patch_optim,
    ):
        patch(torchreid, patches)
