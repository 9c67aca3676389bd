"""Open-set identification: some queries show people whom the gallery does not, and should find nobody.

Half of the queries' identities are made unknown: all their images leave the gallery. At a threshold at which a share
FPIR (false-positive identification rate) of the unknown queries still finds somebody,

    TPIR = share of the known queries with an image of their person within the threshold, at any rank,
    DIR  = share of the known queries whose first image is within the threshold and of their person.

TPIR is 1 - FNIR of ISO/IEC 19795-1; DIR is the detection and identification rate at rank 1 (Phillips, Grother and
Micheals, Handbook of Face Recognition, 2011).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ProtocolError
from .ranking import Ranking, Row


def unknown_identities(pids: Iterable[Hashable]) -> set[Hashable]:
    """Half of the identities, rounded down: those whose SHA-256 of the decimal number comes last. The same ones for the
    same set of identities, whatever the seed."""
    names = sorted(set(pids), key=lambda pid: hashlib.sha256(str(pid).encode()).digest())
    return set(names[len(names) - len(names) // 2 :])


def open_set_rates(
    rows: Iterable[Tensor], ranking: Ranking, is_unknown: Sequence[bool], fpirs: Sequence[float]
) -> dict[str, float]:
    """TPIR and DIR at every FPIR, by their names in results.

    A threshold is strict: at most the share FPIR of the unknown queries is below it. Known queries whose person has no
    image left after removal are not counted, and a FPIR that is less than one of the unknown queries is left out.

    Args:
        rows: blocks (B, G) of distances of consecutive queries.
        ranking: queries and gallery by identity, and what is removed.
        is_unknown: (Q,) of the queries' identities.
        fpirs: fractions.

    Raises:
        ProtocolError: the distances are not of these queries.
    """
    absent = np.asarray(is_unknown, np.bool_)
    gone = torch.from_numpy(np.isin(ranking.g_pids, ranking.q_pids[absent]))
    nearest, own, first = [], [], []
    start = 0
    for block in rows:
        distances = block.detach().cpu().masked_fill(gone, torch.inf)
        same = torch.from_numpy(ranking.q_pids[start : start + len(block), None] == ranking.g_pids)
        for query, row in enumerate(distances):
            row[torch.from_numpy(ranking.removed(start + query))] = torch.inf
        best = torch.from_numpy(distances.numpy().argmin(1))  # the first in the gallery where several are equal
        nearest.append(distances.gather(1, best[:, None])[:, 0])
        own.append(distances.masked_fill(~same, torch.inf).amin(1))
        first.append(same.gather(1, best[:, None])[:, 0])
        start += len(block)
    if start != len(absent):
        raise ProtocolError(f"There are {len(absent)} queries, but distances of {start}; pass all rows.")
    return _rates(torch.cat(nearest).numpy(), torch.cat(own).numpy(), torch.cat(first).numpy(), absent, fpirs)


def _rates(
    nearest: Row, own: Row, first: NDArray[np.bool_], absent: NDArray[np.bool_], fpirs: Sequence[float]
) -> dict[str, float]:
    """From every query's distance to its nearest image and to the nearest of its person, and whether they are one."""
    false_hits, known, rates = np.sort(nearest[absent]), ~absent & np.isfinite(own), {}
    for fpir in fpirs:
        allowed = math.floor(fpir * len(false_hits) + 1e-9)
        if allowed and known.any():
            limit = false_hits[allowed] if allowed < len(false_hits) else np.inf
            rates[f"TPIR at FPIR {fpir:g}"] = float((own < limit)[known].mean())
            rates[f"DIR at FPIR {fpir:g}"] = float((first & (nearest < limit))[known].mean())
    return rates
