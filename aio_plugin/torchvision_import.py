"""Let torchvision's CUDA builds be imported beside a CPU build of torch.

torchvision registers fake versions of operators that its compiled library defines; where that library
cannot be loaded (a CUDA wheel beside a CPU torch), ``import torchvision`` dies with "operator
torchvision::nms does not exist". Defining the two missing schemas is enough for transforms and
models, and so for torchreid, timm and open_clip. On a healthy install nothing happens.

This package does so by itself, and :mod:`aio_plugin.tools.torchvision_repair` for every program of an environment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

SYMPTOM = "operator torchvision::nms does not exist"
_libraries: list[Any] = []
"""Dropping one would drop its definitions."""


class _Finder:
    """Finds torchvision where it is, with a loader that repairs it."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == "torchvision" else None
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = partial(_execute, spec.loader.exec_module)  # type: ignore[method-assign]
        return spec


def _execute(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
    try:
        execute(module)
    except RuntimeError as error:
        if SYMPTOM not in str(error):
            raise
        import torch

        for name in [name for name in sys.modules if name.startswith("torchvision.")]:
            del sys.modules[name]
        _libraries.append(torch.library.Library("torchvision", "FRAGMENT"))
        for operator in ("nms", "qnms"):
            _libraries[-1].define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        execute(module)


def repair_when_imported() -> None:
    """Have torchvision repaired when this process imports it, if it needs that."""
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def repair_torchvision() -> None:
    """Import torchvision, defining the operators it misses if that is what it fails on."""
    repair_when_imported()
    import torchvision  # noqa: F401
