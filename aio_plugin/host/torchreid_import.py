"""Finds torchreid: upstream's ``torchreid.data`` or PyPI's ``torchreid.reid.data``."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from ..errors import HostError
from ..torchvision_import import repair_torchvision
from .patches.base import Patches

INSTALL = (
    "Install `pip install torchreid==0.2.5`, or upstream's 1.4 from https://github.com/KaiyangZhou/deep-person-reid "
    "(`pip install --no-build-isolation git+https://github.com/KaiyangZhou/deep-person-reid`)."
)
_NEEDED = (
    ("data", "ImageDataManager"),
    ("data", "register_image_dataset"),
    ("engine", "ImageSoftmaxEngine"),
    ("engine", "ImageTripletEngine"),
    ("models", "build_model"),
    ("optim", "build_optimizer"),
    ("utils", "FeatureExtractor"),
)
_PYPI = "torchreid.reid"


def find() -> Any:
    """The torchreid package, imported; ``.data``, ``.engine``, ``.models``, ``.optim``, ``.utils`` are its own.

    Raises:
        HostError: it is absent, lacks something it imports, or is another package of that name.
    """
    repair_torchvision()
    try:
        torchreid = importlib.import_module("torchreid")
    except ModuleNotFoundError as error:
        if error.name == "torchreid":
            raise HostError(f"torchreid is not installed. {INSTALL}") from error
        raise HostError(
            f"torchreid cannot be imported, it lacks the package {error.name!r}. Install that; if it is a part of "
            f"torchreid, the torchreid installed is a broken or another one. {INSTALL}"
        ) from error
    for part, name in _NEEDED:
        if not hasattr(getattr(torchreid, part, None), name):
            raise HostError(
                f"The package torchreid at {_place(torchreid)} is not the person re-identification framework, or "
                f"too old a one: it has no torchreid.{part}.{name}. Uninstall it. {INSTALL}"
            )
    return torchreid


def distribution() -> str:
    """Which torchreid this is, for results: ``"upstream 1.4.0"`` or ``"PyPI 0.2.5"``."""
    torchreid = find()
    return f"{'PyPI' if _is_pypi(torchreid) else 'upstream'} {torchreid.__version__}"


def alias(torchreid: Any, patches: Patches) -> None:
    """Make PyPI's ``torchreid.reid.X`` importable as upstream's ``torchreid.X`` too."""
    if not _is_pypi(torchreid):
        return
    for name, module in list(sys.modules.items()):
        upstream = "torchreid." + name.removeprefix(f"{_PYPI}.")
        if name.startswith(f"{_PYPI}.") and upstream not in sys.modules:
            patches.set_item(sys.modules, upstream, module)


def _is_pypi(torchreid: Any) -> bool:
    return bool(torchreid.data.__name__ == f"{_PYPI}.data")


def _place(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or ", ".join(getattr(module, "__path__", ["an unknown place"]))
