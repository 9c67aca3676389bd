"""Loading: images per second and core, ours beside torchreid's ImageDataset with the same transforms.

Both give batches that are ready for the model on the CPU: decoded, resized, transformed, normalised, stacked.
"""

from __future__ import annotations

import contextlib
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from aio_plugin.host.torchreid_import import import_torchreid
from aio_plugin.modality import Item, Media, Modality
from aio_plugin.training.loader import BatchLoader
from aio_plugin.training.media import MediaReader, QueryDataset

from .meter import in_turn, median

PHOTOS = {"market1501": (128, 64), "synth_pedes": (384, 192), "camera": (1080, 540)}
"""Heights and widths of the files; those of Market-1501, about those of SYNTH-PEDES, and people in 4K video."""

FILES, BATCH = 64, 32
TRANSFORMS = ("random_flip", "random_crop")


def loading(image: tuple[int, int], runs: int) -> dict[str, Any]:
    """Images per second by size of the files: photos alone, and photos with infrared made from each."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            rows = {name: _of(_photos(Path(folder) / name, size), image, runs) for name, size in PHOTOS.items()}
    finally:
        torch.set_num_threads(threads)
    return {"image": list(image), "transforms": list(TRANSFORMS), "photos": rows}


def _of(paths: list[str], image: tuple[int, int], runs: int) -> dict[str, Any]:
    torchreid = import_torchreid()
    with contextlib.redirect_stdout(sys.stderr):
        transform, _ = torchreid.data.transforms.build_transforms(*image, transforms=list(TRANSFORMS))
    pairs = [Media(path, partners=[Media(path, Modality.IR, synthetic=True)]) for path in paths]
    alone, both = [_ours([*media], transform) for media in (map(Media, paths), pairs)]
    calls = {
        "torchreid": _drain(_torchreids(torchreid, paths, transform)),
        "aio_plugin": _drain(alone),
        "torchreid_twice": _drain(_torchreids(torchreid, [*paths, *paths], transform)),
        "aio_plugin_with_infrared": _drain(both),
    }
    times = in_turn(calls, runs, "cpu", warm=1)
    numbers = dict.fromkeys(calls, len(paths)) | {
        "torchreid_twice": 2 * len(paths),
        "aio_plugin_with_infrared": 2 * len(paths),
    }
    return {name: median([numbers[name] / each for each in spent]) for name, spent in times.items()}


def _ours(media: list[Media], transform: Any) -> Any:
    items = [Item(medium, 0, 0) for medium in media]
    return BatchLoader(QueryDataset(items, MediaReader(transform, 77)), batch_size=BATCH)


def _torchreids(torchreid: Any, paths: list[str], transform: Any) -> Any:
    data = [(path, 0, 0, 0) for path in paths]
    dataset = torchreid.data.ImageDataset(data, data, data, transform=transform, mode="train", verbose=False)
    return DataLoader(dataset, batch_size=BATCH)


def _drain(loader: Any) -> Callable[[int], None]:
    def run(number: int) -> None:
        random.seed(number)
        torch.manual_seed(number)
        for _ in loader:
            pass

    return run


def _photos(folder: Path, size: tuple[int, int]) -> list[str]:
    """JPEG files of smooth shapes with some grain, so that they compress like photos."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = []
    for number in range(FILES):
        coarse = Image.fromarray(rng.integers(0, 256, (16, 8, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((size[1], size[0]), Image.Resampling.BICUBIC), dtype=np.int16)
        grain = rng.normal(0, 4, smooth.shape)
        image = Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))
        paths.append(str(folder / f"{number:04d}.jpg"))
        image.save(paths[-1], quality=90)
    return paths
