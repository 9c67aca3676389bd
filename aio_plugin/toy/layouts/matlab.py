"""MATLAB files, the same bytes every time."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from scipy.io import savemat


def mat(variables: Mapping[str, Any]) -> bytes:
    """A MATLAB 5 file of ``variables``."""
    buffer = io.BytesIO()
    savemat(buffer, dict(variables))
    # the first 116 bytes are a remark with the time of writing, which would differ every time
    return b"MATLAB 5.0 MAT-file, toy world".ljust(116) + buffer.getvalue()[116:]
