"""Let torchvision's CUDA builds be imported beside a CPU build of torch.

torchvision registers fake versions of operators that its compiled library defines; where that library
cannot be loaded (a CUDA wheel beside a CPU torch), ``import torchvision`` dies with "operator
torchvision::nms does not exist". Defining the two missing schemas is enough for transforms and
models, and so for torchreid, timm and open_clip. On a healthy install nothing happens.
"""

from __future__ import annotations

import importlib
import sys

import torch

_library: torch.library.Library | None = None  # dropping it would drop the definitions


def repair_torchvision() -> None:
    """Import torchvision, defining the operators it misses if that is what it fails on."""
    global _library
    if "torchvision" in sys.modules:
        return
    try:
        importlib.import_module("torchvision")
        return
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        _library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    importlib.import_module("torchvision")
