"""Packages that only some datasets need, imported when one of those is read."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...errors import DatasetError


def optional(package: str, purpose: str) -> Any:
    """The module ``package``.

    Args:
        purpose: what it is needed for, the start of the message: "LMDB images need".

    Raises:
        DatasetError: it is not installed; says how to.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise DatasetError(f"{purpose} the package {package} ({error}). Install it: pip install {package}") from error
