"""Batches of media, as a loader makes them."""

import random

from aio_plugin.training.media import collate


def batch_of(reader, *bundles):
    """The batch of items that each consist of these media; random draws are those of the seed 0."""
    rng, rest = random.Random(0), {"pid": 0, "camid": 0, "dsetid": 0, "impath": ""}
    return collate([{**reader.entries(media, rng), **rest} for media in bundles])
