"""Lets torchreid load ``.safetensors`` files wherever it loads checkpoints."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

from ...encoders.files import read_file
from ...errors import CheckpointError
from .base import Patches

SUFFIX = ".safetensors"


class WeightsCheckpoint(dict[str, Any]):
    """A checkpoint of weights alone; to read the state of training from it is an error."""

    def __missing__(self, key: str) -> Any:
        raise CheckpointError(
            f"A {SUFFIX} file has weights but no {key!r}. Set model.load_weights to it; model.resume needs a "
            "checkpoint of training."
        )


def patch_safetensors(torchreid: ModuleType, patches: Patches) -> None:
    """Let ``torchreid.utils.load_checkpoint`` and its callers read safetensors; it reads other files as before."""
    stock = torchreid.utils.load_checkpoint

    @functools.wraps(stock)
    def load_checkpoint(fpath: Any) -> Any:
        if fpath is None or not str(fpath).endswith(SUFFIX):
            return stock(fpath)
        return WeightsCheckpoint(state_dict=read_file(fpath, "model.load_weights"))

    for module in (torchreid.utils, sys.modules[stock.__module__]):
        patches.set_attribute(module, "load_checkpoint", load_checkpoint)
