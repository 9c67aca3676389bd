"""Who leaves a query's ranking, from identities and cameras."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ProtocolError
from .order import as_labels

Keys: TypeAlias = tuple[ArrayLike, ArrayLike]
Removal: TypeAlias = Literal["same_camera", "none"] | Keys
"""``"same_camera"``: gallery images of the query's person by the query's camera leave, as in Market-1501 and in
torchreid; ``"none"``; or keys (Q,), (G,): gallery item j leaves the ranking of query i where
``q_keys[i] == g_keys[j] >= 0``."""


def removal_keys(
    removal: Removal,
    q_pids: ArrayLike,
    g_pids: ArrayLike,
    q_camids: ArrayLike | None,
    g_camids: ArrayLike | None,
) -> tuple[ArrayLike | None, ArrayLike | None]:
    """The keys (Q,), (G,) that a rule stands for; None, None where nobody leaves.

    Raises:
        ProtocolError: the rule is not known, or needs cameras that are missing or do not fit the identities.
    """
    if isinstance(removal, tuple) and len(removal) == 2:
        return removal
    if removal == "none":
        return None, None
    if removal != "same_camera":
        raise ProtocolError(f"removal is {removal!r}; use 'same_camera', 'none' or a tuple of keys (Q,) and (G,).")
    if q_camids is None or g_camids is None:
        raise ProtocolError("removal='same_camera' needs q_camids and g_camids; pass them, or removal='none'.")
    sides = [(as_labels(q_pids), as_labels(q_camids)), (as_labels(g_pids), as_labels(g_camids))]
    for pids, camids in sides:
        if pids.shape != camids.shape:
            raise ProtocolError(
                f"There are {len(pids)} identities, but {len(camids)} cameras; pass one of each an image."
            )
    both = (np.concatenate(each) for each in zip(*sides, strict=True))
    (_, person), (cameras, camera) = (np.unique(labels, return_inverse=True) for labels in both)
    keys = person * len(cameras) + camera
    return keys[: len(sides[0][0])], keys[len(sides[0][0]) :]
