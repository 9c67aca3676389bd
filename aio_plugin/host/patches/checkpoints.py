"""What torchreid loads as checkpoints: its own with torch >= 2.6, and ``.safetensors`` files."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

import numpy as np
import torch

from ...encoders.files import read_file
from ...errors import CheckpointError
from .base import Patches

SUFFIX = ".safetensors"


def patch_checkpoint_loading(torchreid: ModuleType, patches: Patches) -> None:
    """Allow numpy's scalars, under numpy 2's name and numpy 1's, in files that torch loads.

    torchreid stores Rank-1 as one, which ``torch.load`` >= 2.6 refuses because it loads weights only.
    """
    if torch.__version__ < torch.torch_version.TorchVersion("2.6"):
        return
    scalar: Any = np.float32(0).__reduce__()[0]
    needed = [
        scalar,
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        np.dtype,
        type(np.dtype("f4")),
        type(np.dtype("f8")),
    ]
    before = torch.serialization.get_safe_globals()
    added = [entry for entry in needed if entry not in before]
    torch.serialization.add_safe_globals(added)
    patches.callback(_disallow, added)


def _disallow(added: list[Any]) -> None:
    kept = [entry for entry in torch.serialization.get_safe_globals() if entry not in added]
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(kept)


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
