"""Randomness that depends on where training stands and on nothing that happened before.

Every random choice of a step is drawn from numbers that name it (seed, epoch, step, item), so a
resumed run repeats what an undisturbed one would have done, with any number of workers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def mix(*numbers: int) -> int:
    """One 63-bit seed out of several non-negative numbers."""
    words = np.random.SeedSequence(numbers).generate_state(2, np.uint32)
    return (int(words[0]) << 31) ^ int(words[1])


@contextmanager
def seeded(seed: int) -> Iterator[random.Random]:
    """Seed Python's and torch's global generators inside the block and give them back after it.

    torchreid's and torchvision's transforms draw from these. The generator yielded is for our own draws.
    """
    python, torch_state = random.getstate(), torch.random.get_rng_state()
    random.seed(seed)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach the GPU's generators too
    try:
        yield random.Random(seed ^ 0x5EED)
    finally:
        random.setstate(python)
        torch.random.set_rng_state(torch_state)
