"""Places of a few matches in a long ranking, by counting: who stands before a match is counted, nobody is sorted.

A ranking of G images costs a sort; the metrics need the places of its matches alone, and comparing G
numbers with each of them is cheaper while they are few. The passes are long, so that threads seldom
wait for Python, and short enough that what one of them leaves is still in the processor's cache for the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ProtocolError
from .order import NOT_A_NUMBER
from .threads import in_shares

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]

_UNIT = 1024
"""Truth values whose bytes are added as 128 words of 8; with more than 255 words a byte would run over."""
_PASS = 48 * _UNIT
"""Distances of a pass: few enough to stay in the processor's cache with what is made of them."""
_MATCHES = 64
"""Matches of a pass."""


@dataclass(frozen=True)
class Places:
    """Positions in the gallery that every query of a block has an eye on.

    Attributes:
        at: (B, N) positions, ascending.
        meant: (B, N), which of them count; in every row, the first few.
    """

    at: Ints
    meant: Bools

    def __getitem__(self, rows: slice) -> Places:
        return Places(self.at[rows], self.meant[rows])


def count_before(distances: Floats, matches: Places, removed: Places) -> Ints:
    """How many stand before each match: smaller distances, and equal ones at a lower position.

    Args:
        distances: (B, G) float32 or float64.
        matches: who is looked for.
        removed: who takes no part; a match may be among them.

    Returns:
        (B, M) counts; -1 where a match is removed, or none is meant.

    Raises:
        ProtocolError: a distance is not a number.
    """
    counts = np.full(matches.at.shape, -1, dtype=np.int64)
    in_shares(len(distances), lambda rows: _count_rows(distances[rows], matches[rows], removed[rows], counts[rows]))
    return counts


def _count_rows(distances: Floats, matches: Places, removed: Places, counts: Ints) -> None:
    """As :func:`count_before`, into ``counts``."""
    size, most = distances.shape[1], int(matches.meant.sum(1).max())
    width = min(_PASS, -(-size // _UNIT) * _UNIT)
    step = _PASS // width
    flags = np.zeros((step, min(most, _MATCHES), width), dtype=np.bool_)
    copy = np.empty((step, size), dtype=distances.dtype)
    for start in range(0, len(distances), step):
        some = slice(start, start + step)
        rows = copy[: len(distances[some])]
        np.copyto(rows, distances[some])
        if np.isnan(rows.min()):
            raise ProtocolError(NOT_A_NUMBER)
        wanted, left_out = matches[some], removed[some]
        rows[left_out.meant.nonzero()[0], left_out.at[left_out.meant]] = np.nan  # neither smaller nor equal
        for first in range(0, int(wanted.meant.sum(1).max()), _MATCHES):
            these = slice(first, first + _MATCHES)
            at, meant = wanted.at[:, these], wanted.meant[:, these]
            used = int(meant.sum(1).max())
            at, meant = at[:, :used], meant[:, :used]
            values = np.take_along_axis(rows, at, 1)
            found = _count(rows, at, values, flags[: len(rows), :used])
            counts[some, first : first + used] = np.where(meant & ~np.isnan(values), found, -1)


def _count(rows: Floats, at: Ints, values: Floats, flags: Bools) -> Ints:
    """(R, M) numbers before the ``values`` (R, M) at ``at`` (R, M) in ``rows`` (R, G); ``flags`` is working space."""
    smaller, equal = np.zeros_like(at), np.zeros_like(at)
    for start in range(0, rows.shape[1], flags.shape[2]):
        part = rows[:, None, start : start + flags.shape[2]]
        width = part.shape[2]
        flags[:, :, width:] = False
        np.less(part, values[:, :, None], out=flags[:, :, :width])
        smaller += _total(flags)
        late = int(np.append((at < start).all(0), False).argmin())  # before it, equals come too late to count
        np.equal(part, values[:, late:, None], out=flags[:, late:, :width])
        equal[:, late:] += _total(flags[:, late:])
    for row, match in zip(*(equal > 1).nonzero(), strict=True):
        before = rows[row, : at[row, match]]
        smaller[row, match] += np.count_nonzero(before == values[row, match])
    return smaller


def _total(flags: Bools) -> Ints:
    """Sum over the last axis, whose bytes are added eight at a time."""
    words = flags.view(np.uint64).reshape(*flags.shape[:2], flags.shape[2] // _UNIT, _UNIT // 8)
    total: Ints = words.sum(3).view(np.uint8).sum(2, dtype=np.int64)
    return total
