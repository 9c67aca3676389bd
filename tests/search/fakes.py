"""A model whose features are drawn from the pixels, the command line with it, and pictures to index."""

import functools
import sys
import time
import zlib

import numpy as np
import torch
from PIL import Image

from aio_plugin import __main__ as command_line
from aio_plugin.errors import AIOError
from aio_plugin.modality import Media, Modality
from aio_plugin.search import indexing
from aio_plugin.tools import index
from aio_plugin.training.images import decode_image

DIM = 8


class FakeModel:
    """As much of a ReIDModel as an index needs; equal pixels have equal features."""

    modalities = (Modality.RGB, Modality.IR)
    dim = DIM

    def __init__(self, digest="fake", pause=0.0):
        self.digest, self.pause, self.settings, self.encoded = digest, pause, {"data.height": 4}, []

    def feature(self, medium):
        medium = Media.of(medium)
        pixels = np.asarray(decode_image(medium)).tobytes()
        rng = np.random.default_rng([zlib.crc32(pixels), medium.modality.index])
        vector = rng.normal(size=DIM)
        return torch.tensor(vector / np.linalg.norm(vector), dtype=torch.float32)

    def stream(self, items, *, batch_size, workers, progress):
        for start in range(0, len(items), batch_size):
            places, features, unreadable = [], [], {}
            for place, item in enumerate(items[start : start + batch_size], start):
                try:
                    features.append(self.feature(item.media))
                    places.append(place)
                except AIOError as error:
                    unreadable[place] = str(error)
            time.sleep(self.pause)
            self.encoded += [str(items[place].media) for place in places]
            yield places, torch.stack(features) if features else torch.empty(0, DIM), unreadable


def _itself(model, weights, device):
    return model


def run(model, *arguments):
    """Exit code of `aio-reid index` with a model."""
    index.load = functools.partial(_itself, model)
    return command_line.main(
        ["index", *(["--weights", "fake"] if "--images" in arguments else []), *map(str, arguments)]
    )


def write_pictures(folder, count, start=0, seed=0):
    """Pictures ``c<camera>_<second>_t<track>.png`` of different pixels."""
    rng = np.random.default_rng([seed, start])
    for number in range(start, start + count):
        path = folder / f"c{number % 3}_{number}_t{number // 4}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (4, 4, 3), np.uint8)).save(path)
    return folder


def run_in_a_process(pause, commit, *arguments):
    """As :func:`run`, of a model that takes its time, in commits of few rows."""
    indexing.COMMIT = commit
    sys.exit(run(FakeModel(pause=pause), *arguments))
