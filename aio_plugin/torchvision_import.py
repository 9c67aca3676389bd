"""Let torchvision's CUDA builds be imported beside a CPU build of torch.

torchvision registers fake versions of operators that its compiled library defines; where that library
cannot be loaded (a CUDA wheel beside a CPU torch), ``import torchvision`` dies with "operator
torchvision::nms does not exist". Defining the two missing schemas is enough for transforms and
models, and so for torchreid, timm and open_clip. On a healthy install nothing happens.

This package does so by itself. ``python -m aio_plugin.torchvision_import`` (part of ``make setup``) does it for every
program of an environment that needs it, by a file in its site-packages; delete the file to undo it.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

FILE = "aio_plugin_torchvision.pth"
LINE = (
    "import importlib.util as u; u.find_spec('aio_plugin') and "
    "__import__('aio_plugin.torchvision_import', fromlist=['x']).repair_when_imported()\n"
)
_SYMPTOM = "operator torchvision::nms does not exist"
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
        if _SYMPTOM not in str(error):
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


def main() -> int:
    """Repair this environment's torchvision if it needs that. Returns 1 if it cannot be imported all the same."""
    fault = _fault()
    if _SYMPTOM in fault:
        file = Path(sysconfig.get_path("purelib"), FILE)
        file.write_text(LINE)
        print(
            "torchvision is built for CUDA and torch for CPUs: torchvision's operators cannot be loaded, nor could it "
            f"be imported. {file} lets it be imported without them. Where PyTorch's package index can be reached, its "
            "CPU build of torchvision is better."
        )
        fault = _fault()
    if fault:
        print(f"torchvision cannot be imported: {fault}", file=sys.stderr)
    return 1 if fault else 0


def _fault() -> str:
    """The last line of what another process prints that imports torchvision; empty if it can."""
    done = subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True, text=True, check=False)
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1] if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main())
