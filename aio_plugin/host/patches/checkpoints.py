"""Lets torch >= 2.6 load the checkpoints that torchreid writes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import torch

from .base import Patches


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
