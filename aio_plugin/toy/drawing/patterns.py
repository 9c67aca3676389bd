"""Where on a garment the second colour of its pattern lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def pattern_mask(name: str, x: Floats, y: Floats, bold: bool, half: float) -> Mask | None:
    """(H, W) of where the second colour lies, None for a plain garment.

    Args:
        name: one of the patterns of :mod:`.wardrobe`.
        x, y: body units (1, W) and (H, 1) of the pixels.
        bold: larger repeats.
        half: half width of the garment, for what lies at its sides.
    """
    shape = (y.shape[0], x.shape[1])
    repeat = 9.0 if bold else 5.6
    if name == "plain":
        return None
    if name == "stripes":
        mask = np.mod(y, repeat) < 0.45 * repeat
    elif name == "pinstripes":
        mask = np.mod(x + 50 * repeat + 0.25 * repeat, repeat) < 0.4 * repeat
    elif name == "checks":
        mask = (np.mod(x + 50 * repeat, repeat) < 0.5 * repeat) ^ (np.mod(y, repeat) < 0.5 * repeat)
    elif name == "dots":
        row = np.floor(y / repeat)
        dx = np.mod(x + 0.5 * repeat * np.mod(row, 2), repeat) - 0.5 * repeat
        mask = dx**2 + (np.mod(y, repeat) - 0.5 * repeat) ** 2 < (0.32 * repeat) ** 2
    elif name == "diagonal":
        mask = np.mod(x + y + 50 * repeat, 1.4 * repeat) < 0.6 * repeat
    elif name == "half":
        mask = y > (34.0 if bold else 29.0)
    elif name == "sides":
        mask = x > 0
    elif name == "raglan":
        mask = np.ones((1, 1), dtype=bool)
    elif name == "side stripe":
        mask = np.abs(x) > 0.72 * half
    else:
        raise ValueError(f"No pattern is called {name!r}; add it here and in wardrobe.py.")
    return np.broadcast_to(mask, shape)
