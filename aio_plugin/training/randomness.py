"""Random numbers that depend on the position in training only.

Every random choice of a step is seeded by (seed, epoch, step, item), so a resumed run makes the choices of an
uninterrupted one, with any number of workers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def mix(*numbers: int) -> int:
    """One 63-bit seed from several non-negative numbers."""
    words = np.random.SeedSequence(numbers).generate_state(2, np.uint32)
    return (int(words[0]) << 31) ^ int(words[1])


@contextmanager
def seeded(seed: int) -> Iterator[random.Random]:
    """Seed Python's and torch's global generators inside the block and restore them after it.

    torchreid's and torchvision's transforms draw from these. The generator yielded is for this package.
    """
    python, torch_state = random.getstate(), torch.random.get_rng_state()
    random.seed(seed)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach the GPU's generators too
    try:
        yield random.Random(seed ^ 0x5EED)
    finally:
        random.setstate(python)
        torch.random.set_rng_state(torch_state)
