"""Weight files: read without running code, loaded strictly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import EncoderError


def read_file(path: str | Path, key: str = "aio.encoder.weights") -> dict[str, Tensor]:
    """The state dict in a ``.safetensors`` file or a PyTorch file, on the CPU. No code of the file is run.

    A state dict under ``state_dict`` or ``model`` is unwrapped, and the prefix ``module.`` is removed.

    Raises:
        EncoderError: there is no such file, or it holds no state dict; the message names the config key ``key``.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise EncoderError(f"There is no weights file {str(path)!r}; set {key} to an existing file.")
    try:
        content: Any
        if path.suffix == ".safetensors":
            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling and safetensors raise many types of errors
        raise EncoderError(f"{path} cannot be read safely as weights ({error}); set {key} to another file.") from error
    for wrapper in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not any(isinstance(value, Tensor) for value in content.values()):
        raise EncoderError(f"{path} holds no state dict; set {key} to a file of weights.")
    return {str(name).removeprefix("module."): value for name, value in content.items() if isinstance(value, Tensor)}


def load_strictly(
    module: nn.Module, state: Mapping[str, Tensor], what: str, where: str, key: str = "aio.encoder.weights"
) -> None:
    """Load ``state`` as float32; its tensors must be exactly those of ``module``.

    Args:
        what: the module, for the error.
        where: the file they come from.
        key: the config key to change, for the error.

    Raises:
        EncoderError: a tensor is missing, unexpected, or of another shape; the first of each is named.
    """
    wrong = state_dict_faults(module.state_dict(), state)
    if wrong:
        raise EncoderError(
            f"{where} is not a file of {what}: it {', '.join(wrong)}; set {key} to a file of {what}, or "
            "choose the encoder of this file."
        )
    module.load_state_dict({name: value.float() for name, value in state.items()})


def below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names start with ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def state_dict_faults(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    """How ``state`` differs from ``own``, as parts of a sentence; names the first tensor of each kind."""
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    shapes = [name for name in own if name in state and own[name].shape != state[name].shape]
    faults = [f"lacks {missing[0]!r} (and {len(missing) - 1} more)"] if missing else []
    faults += [f"has the unexpected tensor {unexpected[0]!r} (and {len(unexpected) - 1} more)"] if unexpected else []
    if shapes:
        first = shapes[0]
        faults.append(f"has {first!r} of shape {list(state[first].shape)} where {list(own[first].shape)} is needed")
    return faults
