"""Ranks of a few matches in a long ranking, by counting the items before each match instead of sorting.

A ranking of G images costs a sort; the metrics only need the ranks of its matches, and comparing G
numbers with each match is cheaper while these are few. A pass is long enough that threads rarely
wait for Python, and short enough that its data stays in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ProtocolError
from .threads import in_shares

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
DistanceRows = NDArray[np.floating[Any]]

NOT_A_NUMBER = "A distance is not a number. Check the features: an untrained or diverged model, or a broken image."

_UNIT = 1024
"""Booleans whose bytes are added as 128 words of 8; more than 255 words would overflow a byte."""
_PASS = 48 * _UNIT
"""Distances per pass, which stay in the processor's cache together with the comparisons."""
_MATCHES = 64
"""Matches per pass."""


@dataclass(frozen=True)
class GalleryPositions:
    """Some gallery positions for every query of a block.

    Attributes:
        at: (B, N) positions, ascending.
        meant: (B, N), which of them count; in every row, the first few.
    """

    at: IntArray
    meant: BoolArray

    def __getitem__(self, rows: slice) -> GalleryPositions:
        return GalleryPositions(self.at[rows], self.meant[rows])


def count_before(distances: DistanceRows, matches: GalleryPositions, removed: GalleryPositions) -> IntArray:
    """Count the items before each match: smaller distances, and equal ones at a lower position.

    Args:
        distances: (B, G) float32 or float64.
        matches: positions of the matches.
        removed: positions of the removed items; a match may be among them.

    Returns:
        (B, M) counts; -1 where a match is removed, or the position does not count.

    Raises:
        ProtocolError: a distance is not a number.
    """
    counts = np.full(matches.at.shape, -1, dtype=np.int64)
    in_shares(len(distances), lambda rows: _count_rows(distances[rows], matches[rows], removed[rows], counts[rows]))
    return counts


def _count_rows(
    distances: DistanceRows, matches: GalleryPositions, removed: GalleryPositions, counts: IntArray
) -> None:
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
            before = _count(rows, at, values, flags[: len(rows), :used])
            counts[some, first : first + used] = np.where(meant & ~np.isnan(values), before, -1)


def _count(rows: DistanceRows, at: IntArray, values: DistanceRows, flags: BoolArray) -> IntArray:
    """(R, M) counts before the ``values`` (R, M) at ``at`` (R, M) in ``rows`` (R, G); ``flags`` is working space."""
    smaller, equal = np.zeros_like(at), np.zeros_like(at)
    for start in range(0, rows.shape[1], flags.shape[2]):
        part = rows[:, None, start : start + flags.shape[2]]
        width = part.shape[2]
        flags[:, :, width:] = False
        np.less(part, values[:, :, None], out=flags[:, :, :width])
        smaller += _total(flags)
        late = int(np.append((at < start).all(0), False).argmin())  # equal items behind a match do not count
        np.equal(part, values[:, late:, None], out=flags[:, late:, :width])
        equal[:, late:] += _total(flags[:, late:])
    for row, match in zip(*(equal > 1).nonzero(), strict=True):
        before = rows[row, : at[row, match]]
        smaller[row, match] += np.count_nonzero(before == values[row, match])
    return smaller


def _total(flags: BoolArray) -> IntArray:
    """Sum over the last axis, adding eight bytes at a time."""
    words = flags.view(np.uint64).reshape(*flags.shape[:2], flags.shape[2] // _UNIT, _UNIT // 8)
    total: IntArray = words.sum(3).view(np.uint8).sum(2, dtype=np.int64)
    return total
