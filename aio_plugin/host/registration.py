"""Applies all patches, and reverts them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..registry import import_plugins
from .patches.aliases import patch_module_names
from .patches.base import Patches
from .patches.checkpoints import patch_checkpoint_loading
from .patches.complexity import patch_complexity
from .patches.configs import patch_configs, read_config
from .patches.data_manager import patch_data_manager
from .patches.datasets import patch_datasets
from .patches.engines import patch_engines
from .patches.feature_extractor import patch_feature_extractor
from .patches.models import patch_models
from .patches.optim import patch_optim
from .run_config import session
from .torchreid_import import import_torchreid

PATCHES = (
    patch_module_names,
    patch_checkpoint_loading,
    patch_configs,
    patch_feature_extractor,
    patch_datasets,
    patch_models,
    patch_data_manager,
    patch_engines,
    patch_optim,
    patch_complexity,
)

_applied: Patches | None = None
_exact = False


def register(config: Mapping[str, Any] | str | os.PathLike[str] | None = None, *, exact_ranking: bool = False) -> None:
    """See :func:`aio_plugin.register`."""
    global _applied, _exact
    torchreid = import_torchreid()
    import_plugins()
    values = None if config is None else read_config(config)
    if _applied is None:
        patches = Patches()
        try:
            for patch in PATCHES:
                patch(torchreid, patches)
        except BaseException:
            patches.close()
            raise
        _applied = patches
    if exact_ranking and not _exact:
        from .patches.ranking import patch_ranking  # imports the metrics

        patch_ranking(torchreid, _applied)
        _exact = True
    if values is not None:
        session.register(*values)


def unregister() -> None:
    """See :func:`aio_plugin.unregister`."""
    global _applied, _exact
    if _applied is not None:
        _applied.close()
        _applied, _exact = None, False
    session.clear()
