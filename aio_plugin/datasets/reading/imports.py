"""Packages that only some datasets need, imported when one of these is read."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...errors import DatasetError


def import_package(name: str, purpose: str) -> Any:
    """The module ``name``.

    Args:
        purpose: what needs it, the start of the message: "LMDB images need".

    Raises:
        DatasetError: it is not installed; says how to install it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise DatasetError(f"{purpose} the package {name} ({error}). Install it: pip install {name}") from error
