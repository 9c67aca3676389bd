"""AIO's exact ranking for torchreid's own engines, if register() is called with ``exact_ranking``."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...metrics import evaluate_distances
from ...metrics.labels import LabelColumn
from .base import Patches


def patch_ranking(torchreid: ModuleType, patches: Patches) -> None:
    """Replace ``torchreid.metrics.evaluate_rank``, which sorts the whole matrix.

    CMC and mAP are the same, with equal distances in the order of the gallery. CUHK03's sampled metric stays
    torchreid's.
    """
    patches.replace_function(torchreid.metrics.evaluate_rank, _exact)


def _exact(stock: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate_rank(
        distmat: ArrayLike,
        q_pids: LabelColumn,
        g_pids: LabelColumn,
        q_camids: LabelColumn,
        g_camids: LabelColumn,
        max_rank: int = 50,
        use_metric_cuhk03: bool = False,
        use_cython: bool = True,
    ) -> tuple[NDArray[np.float32], float]:
        labels = q_pids, g_pids, q_camids, g_camids
        if use_metric_cuhk03:
            return stock(distmat, *labels, max_rank, use_metric_cuhk03=True, use_cython=use_cython)  # type: ignore[no-any-return]
        ours = evaluate_distances(distmat, *labels, max_rank=min(max_rank, len(g_pids)))
        return ours.cmc.numpy().astype(np.float32), ours.mAP

    return evaluate_rank
