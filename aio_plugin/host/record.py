"""What a run found, gathered over its tests and left as results.json, a table and a report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from torch import Tensor

from ..evaluation.score import Result, score
from .session import session


class Record:
    """Results of every target in up to three columns: ``pixels``, ``before`` and ``after`` training."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.column = "after"
        self.targets: dict[str, dict[str, Any]] = {}
        self.features: dict[str, tuple[Tensor, Tensor]] = {}
        self.started = time.time()
