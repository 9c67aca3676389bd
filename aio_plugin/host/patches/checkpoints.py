"""torchreid's loading of checkpoints: no code of a file is run, and AIO models refuse what does not fit them."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import torch

from ...encoders.files import SUFFIX, read_weights
from ...errors import CheckpointError
from ..run_config import is_aio
from ..weights import load_weights, resume_training
from .base import Patches


def patch_checkpoint_loading(torchreid: ModuleType, patches: Patches) -> None:
    """Replace ``load_checkpoint``, ``load_pretrained_weights`` and ``resume_from_checkpoint``.

    numpy's scalars are allowed in what torch loads, under numpy 2's name and numpy 1's: torchreid stores Rank-1 as one.
    """
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
    utils = torchreid.utils
    patches.replace_function(utils.load_checkpoint, lambda stock: load_checkpoint)
    patches.replace_function(utils.load_pretrained_weights, lambda stock: _for_aio(stock, load_weights))
    patches.replace_function(utils.resume_from_checkpoint, lambda stock: _for_aio(stock, resume_training))


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


def load_checkpoint(fpath: Any) -> Any:
    """As :func:`torchreid.utils.load_checkpoint`, but weights only, also of Python 2's files; and of safetensors."""
    if fpath is None:
        raise ValueError("File path is None")
    if str(fpath).endswith(SUFFIX):
        return WeightsCheckpoint(read_weights(fpath, "model.load_weights").content)
    path = os.path.abspath(os.path.expanduser(fpath))
    if not os.path.exists(path):
        raise FileNotFoundError(f'File is not found at "{path}"')
    options: dict[str, Any] = {"map_location": None if torch.cuda.is_available() else "cpu", "weights_only": True}
    try:
        try:
            return torch.load(path, **options)
        except UnicodeDecodeError:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "pickle_load_args only works")  # the encoding is used all the same
                return torch.load(path, encoding="latin1", **options)
    except Exception:
        print(f'Unable to load checkpoint from "{path}"')
        raise


def _for_aio(stock: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    """``ours`` for AIO models, which takes the arguments of ``stock``."""

    def load(*args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(stock).bind(*args, **kwargs)
        if not is_aio(bound.arguments["model"]):
            return stock(*args, **kwargs)
        return ours(*bound.args, **bound.kwargs)

    return load
