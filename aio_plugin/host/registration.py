"""Opens all seams at once, and closes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .checkpoints import open_checkpoints
from .configs import open_configs, read
from .datasets import open_datasets
from .dispatch import open_data_manager, open_engines
from .find import alias, find
from .models import open_models
from .optim import open_optim
from .safetensors import open_safetensors
from .seams import Seams
from .session import session

_open: Seams | None = None
_exact = False


def register(config: Mapping[str, Any] | str | os.PathLike[str] | None = None, *, exact_ranking: bool = False) -> None:
    """See :func:`aio_plugin.register`."""
    global _open, _exact
    torchreid = find()
    given = None if config is None else read(config)
    if _open is None:
        seams = Seams()
        try:
            _open_all(torchreid, seams)
        except BaseException:
            seams.undo()
            raise
        _open = seams
    if exact_ranking and not _exact:
        from .ranking import open_ranking  # the metrics, which a plain register() need not import

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


def _open_all(torchreid: Any, seams: Seams) -> None:
    alias(torchreid, seams)
    open_checkpoints(seams)
    open_safetensors(torchreid, seams)
    open_datasets(torchreid, seams)
    open_models(torchreid, seams)
    open_data_manager(torchreid, seams)
    open_engines(torchreid, seams)
    open_optim(torchreid, seams)
    open_configs(seams)
