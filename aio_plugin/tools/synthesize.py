"""``synthesize``: draws the sketches that training and testing will need, before they start (AIO Sec. 3.2)."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice

import torch
from tqdm import tqdm

from ..errors import CacheError, ConfigError, MediaError, WorkerError
from ..evaluation.environment import hardware
from ..host.data_manager import AIODataManager
from ..host.inference import load_aio_config, training_data
from ..modality import LINE_DRAWING
from ..synthesis.sketch import Sketcher
from ..training.images import read_image
from ..worker_processes import obey_parent

QUEUED = 4096
"""Photos handed to the workers at a time; an executor takes all its work into memory at once."""
CHUNK = 16
MADE, PRESENT = "made", "present"


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
    sketcher.remove_parts()
    results = draw_all(photos, sketcher, workers)
    errors = [result for result in results if result not in (MADE, PRESENT)]
    for error in errors:
        print(error)
    counts = f"{results[MADE]} made, {results[PRESENT]} present, {len(errors)} unreadable"
    print(f"{sketcher.cache / sketcher.method}: {counts}")
    return 1 if errors else 0


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


def photos_to_draw(manager: AIODataManager) -> Iterator[str]:
    """The photos that training stages need sketches of, then those of test queries, each once."""
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


def draw_all(photos: Sequence[str], sketcher: Sketcher, workers: int) -> Counter[str]:
    """Draw every photo without a sketch in the cache; shows a progress bar.

    Processes draw on CPUs; where the sketcher uses a GPU, threads read the photos for it.

    Returns:
        Number of results of :func:`draw_one`.

    Raises:
        CacheError: the cache cannot be written.
        WorkerError: a process died.
    """
    executor: type[ProcessPoolExecutor | ThreadPoolExecutor]
    executor = ProcessPoolExecutor if sketcher.device == "cpu" else ThreadPoolExecutor
    results = Counter[str]()
    try:
        with (
            executor(workers, initializer=_start_worker, initargs=(sketcher,)) as pool,
            tqdm(total=len(photos), unit="photo", disable=None) as bar,
        ):
            try:
                for start in range(0, len(photos), QUEUED):
                    for result in pool.map(_draw, photos[start : start + QUEUED], chunksize=CHUNK):
                        results[result] += 1
                        bar.update()
            except BaseException:
                pool.shutdown(cancel_futures=True)  # an interrupt does not wait for what is queued
                raise
    except BrokenProcessPool as error:
        raise WorkerError(
            "A drawing process died, most often for lack of memory: lower --workers. Finished sketches are kept; run "
            "the same command again to continue."
        ) from error
    return results


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


_sketcher: list[Sketcher] = []
"""The sketcher of this process; sent along with every photo, it would load its network every time."""


def _start_worker(sketcher: Sketcher) -> None:
    if sketcher.device == "cpu":
        obey_parent()
        torch.set_num_threads(1)
    _sketcher[:] = [sketcher]


def _draw(photo: str) -> str:
    return draw_one(photo, _sketcher[0])
