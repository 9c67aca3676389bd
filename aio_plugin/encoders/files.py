"""Weight files: read without running code, loaded strictly."""

from __future__ import annotations

import json
import os
import pickletools
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor, nn

from ..errors import EncoderError

SUFFIX, RECORD = ".safetensors", "aio"
"""Of safetensors files, and the key of a checkpoint, or of its metadata there, that says what it was trained with."""


PICKLES, LONGEST = 5, 10_000
"""Pickles in torch's format without an archive, and characters of a string in one."""


class WeightsFile(NamedTuple):
    """What a file of weights holds: its tensors, and the whole mapping that they are in."""

    state: dict[str, Tensor]
    content: Mapping[str, Any]


def read_file(path: str | Path, key: str = "aio.encoder.weights") -> dict[str, Tensor]:
    """The tensors of :func:`read_weights`."""
    return read_weights(path, key).state


def read_weights(path: str | Path, key: str, mmap: bool = False) -> WeightsFile:
    """The state dict in a ``.safetensors`` file or a PyTorch file, on the CPU. No code of the file is run.

    A state dict under ``state_dict`` or ``model`` is unwrapped, and the prefix ``module.`` is removed. The content of
    a safetensors file has the JSON of its metadata's key :data:`RECORD`.

    Args:
        key: the config key or option that names the file, for errors.
        mmap: read tensors when they are used; for a look at the rest of the file.

    Raises:
        EncoderError: there is no such file, or it holds no state dict; the message names ``key``.
    """
    path = Path(path).expanduser()
    if not os.path.isfile(path):
        found = f"{str(path)!r} is not a file" if os.path.exists(path) else f"There is no weights file {str(path)!r}"
        raise EncoderError(f"{found}; set {key} to an existing file.")
    try:
        content: Any = _safetensors(path) if path.suffix == SUFFIX else _pickled(path, mmap)
    except Exception as error:  # unpickling and safetensors raise many types of errors
        reason = _unreadable(path, error)
        raise EncoderError(f"{path} cannot be read safely as weights: {reason}. Set {key} to another file.") from error
    state = content
    for wrapper in ("state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping) or not any(isinstance(value, Tensor) for value in state.values()):
        raise EncoderError(f"{path} holds no state dict; set {key} to a file of weights.")
    tensors = {str(name).removeprefix("module."): value for name, value in state.items() if isinstance(value, Tensor)}
    odd = next((name for name, value in _tensors("", content) if not _is_plain(value)), None)
    if odd is not None:
        raise EncoderError(
            f"{path} holds {odd!r}, which is not a tensor with all its values; set {key} to another file."
        )
    return WeightsFile(tensors, content)


def _safetensors(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    return {"state_dict": tensors, **({RECORD: json.loads(metadata[RECORD])} if RECORD in metadata else {})}


def _pickled(path: Path, mmap: bool) -> Any:
    archive = zipfile.is_zipfile(path)
    if archive:
        with zipfile.ZipFile(path) as file:
            if not mmap and file.testzip():  # torch does not look at the checksums
                raise ValueError("a checksum is wrong")
            for name in file.namelist():
                if name.endswith("/data.pkl"):
                    with file.open(name) as data:
                        _require_short_strings(data)
    else:
        with open(path, "rb") as data:
            _require_short_strings(data)
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap and archive)


def _require_short_strings(data: IO[bytes]) -> None:
    """Check the pickles that a file begins with: torch takes hours to word an error about a long string."""
    for _ in range(PICKLES):
        for _, argument, _ in pickletools.genops(data):
            if isinstance(argument, str | bytes) and len(argument) > LONGEST:
                raise ValueError("a string is too long")
        if isinstance(data, zipfile.ZipExtFile):
            return


def _tensors(name: str, content: Any) -> Iterator[tuple[str, Tensor]]:
    """All tensors of nested mappings and lists, with the keys that lead to them."""
    if isinstance(content, Tensor):
        yield name, content
    inner = content.items() if isinstance(content, Mapping) else ()
    for key, value in enumerate(content) if isinstance(content, list | tuple) else inner:
        yield from _tensors(f"{name}.{key}" if name else str(key), value)


def _is_plain(value: Tensor) -> bool:
    """Whether a tensor is in memory, every value of it by itself."""
    plain = value.device.type == "cpu" and value.layout == torch.strided and not value.is_quantized
    return plain and value.untyped_storage().nbytes() >= value.numel() * value.element_size()


def _unreadable(path: Path, error: Exception) -> str:
    """Why a file cannot be read. torch's own messages advise to load it in a way that runs its code."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    with path.open("rb") as file:
        head = file.read(64).lstrip()
    if head.startswith(b"<"):
        return "it is a web page; download the file itself"
    foreign = re.search(r"GLOBAL (\S+)", str(error))
    if foreign:
        return f"it has an object of type {foreign[1]}, and to load others than tensors may run code of the file"
    return "it is empty, incomplete, damaged, or of another kind"


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
    if missing and len(missing) == len(own):
        return ["has none of its tensors"]
    unexpected = [name for name in state if name not in own]
    both = [name for name in own if name in state]
    shapes = [name for name in both if own[name].shape != state[name].shape]
    faults = [f"lacks {missing[0]!r}{_more(missing)}"] if missing else []
    faults += [f"has the unexpected tensor {unexpected[0]!r}{_more(unexpected)}"] if unexpected else []
    if shapes:
        first = shapes[0]
        sizes = f"{list(state[first].shape)} where {list(own[first].shape)} is needed"
        faults.append(f"has {first!r} of shape {sizes}{_more(shapes)}")
    types = [name for name in both if _kind(own[name]) != _kind(state[name])]
    faults += [f"has {types[0]!r} of type {state[types[0]].dtype}{_more(types)}"] if types else []
    broken = [name for name in both if not _finite(state[name])]
    return faults + ([f"has NaN or infinite values in {broken[0]!r}{_more(broken)}"] if broken else [])


def _kind(value: Tensor) -> tuple[bool, bool]:
    """Of numbers: conversion within a kind loses digits, between kinds it loses what they mean."""
    return value.is_floating_point(), value.is_complex()


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""


def _finite(value: Tensor) -> bool:
    return not value.is_floating_point() or bool(torch.isfinite(value).all())
