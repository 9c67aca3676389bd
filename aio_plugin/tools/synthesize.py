"""``synthesize``: draws the sketches that training and testing will need, before they start (AIO Sec. 3.2)."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import torch
from tqdm import tqdm

from ..errors import CacheError, ConfigError, MediaError, WorkerError
from ..evaluation.environment import hardware
from ..host.inference import load_aio_config, training_data
from ..modality import LINE_DRAWING
from ..synthesis.sketch import Sketcher
from ..training.images import read_image

QUEUED = 4096
"""Photos handed to the workers at a time; an executor takes all its work into memory at once."""
CHUNK = 16
MADE, PRESENT = "made", "present"


@dataclass
class SketchCounts:
    """What one run did.

    Attributes:
        unreadable: errors of the photos that could not be read.
    """

    made: int = 0
    present: int = 0
    unreadable: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.made} made, {self.present} present, {len(self.unreadable)} unreadable"


def run_synthesize(args: argparse.Namespace) -> int:
    """Draw what a config needs; the exit code is 1 if a photo could not be read."""
    number, shards = parse_shard(args.shard)
    workers = args.workers or hardware()["cores"]
    if workers < 1:
        raise ConfigError(f"--workers {workers}: give 1 or more, or 0 for one per core.")
    cfg = load_aio_config(args)
    manager = training_data(cfg)
    sketcher = manager.sketcher.to("cuda" if cfg.use_gpu and manager.sketcher.weights else "cpu")
    photos = list(islice(photos_to_draw(manager), number - 1, None, shards))
    assert sketcher.cache is not None  # the data manager always sets one
    counts = draw_all(photos, sketcher, workers)
    print("".join(f"{error}\n" for error in counts.unreadable) + f"{sketcher.cache / sketcher.method}: {counts}")
    return 1 if counts.unreadable else 0


def parse_shard(text: str) -> tuple[int, int]:
    """``"2/8"`` -> (2, 8): every eighth photo, from the second on.

    Raises:
        ConfigError: it is not such a pair.
    """
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    number, shards = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= shards:
        raise ConfigError(f"--shard {text!r}: give I/N with I from 1 to N, for example 1/4, 2/4, 3/4 and 4/4.")
    return number, shards


def photos_to_draw(manager: Any) -> Iterator[str]:
    """The photos that training stages need sketches of, then those of test queries, each once.

    Args:
        manager: the data manager of a config.
    """
    drawn = dict.fromkeys(
        (share.source, modality)
        for stage in manager.stages
        for share in stage.shares
        for modality in share.synthetic
        if modality.synthesis == LINE_DRAWING
    )
    sources = [(source, m) for source in manager.training_sources for name, m in drawn if name == source.name]
    rows = ((source, row) for source, m in sources for row in source.anchors.rows[source.lacking(m)].tolist())
    training = (str(source.items[row].media) for source, row in rows)
    targets = manager.test_targets.values()
    items = (item for target in targets for side in (target.query, target.gallery) for item in side)
    parts = (part for item in items for part in item.media.parts)
    testing = (str(part) for part in parts if part.synthetic and part.modality.synthesis == LINE_DRAWING)
    return iter(dict.fromkeys(chain(training, testing)))


def draw_all(photos: Sequence[str], sketcher: Sketcher, workers: int) -> SketchCounts:
    """Draw every photo without a sketch in the cache; shows a progress bar.

    Processes draw on CPUs; where the sketcher uses a GPU, threads read the photos for it.

    Raises:
        CacheError: the cache cannot be written.
        WorkerError: a process died.
    """
    counts = SketchCounts()
    try:
        with _pool(sketcher, workers) as pool, tqdm(total=len(photos), unit="photo", disable=None) as bar:
            for result in _results(pool, photos):
                counts.made += result == MADE
                counts.present += result == PRESENT
                if result not in (MADE, PRESENT):
                    counts.unreadable.append(result)
                bar.update()
    except BrokenProcessPool as error:
        raise WorkerError(
            "A drawing process died, most often for lack of memory: lower --workers. Finished sketches are kept; run "
            "the same command again to continue."
        ) from error
    return counts


def draw_one(photo: str, sketcher: Sketcher) -> str:
    """Draw one photo unless its sketch is there: ``MADE``, ``PRESENT``, or why it cannot be read.

    Raises:
        CacheError: the cache cannot be written.
    """
    try:
        if sketcher.has(photo):
            return PRESENT
        sketcher(photo, read_image)
    except CacheError:
        raise
    except MediaError as error:
        return str(error)
    return MADE


def _results(pool: Executor, photos: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(photos), QUEUED):
        yield from pool.map(_draw, photos[start : start + QUEUED], chunksize=CHUNK)


def _pool(sketcher: Sketcher, workers: int) -> Executor:
    if sketcher.device != "cpu":
        return ThreadPoolExecutor(workers, initializer=_set_sketcher, initargs=(sketcher,))
    return ProcessPoolExecutor(workers, initializer=_start_process, initargs=(sketcher,))


_sketcher: list[Sketcher] = []
"""The sketcher of this process; sent along with every photo, it would load its network every time."""


def _set_sketcher(sketcher: Sketcher) -> None:
    _sketcher[:] = [sketcher]


def _start_process(sketcher: Sketcher) -> None:
    torch.set_num_threads(1)
    _set_sketcher(sketcher)


def _draw(photo: str) -> str:
    return draw_one(photo, _sketcher[0])
