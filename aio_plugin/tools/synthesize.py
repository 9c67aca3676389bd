"""Draws the sketches that training and testing will ask for, before they do (AIO Sec. 3.2)."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from ..errors import CacheError, ConfigError, MediaError, WorkerError
from ..evaluation.environment import hardware
from ..host.inference import config_of, training_data
from ..modality import Modality
from ..synthesis.sketch import Sketcher
from ..training.media import read_image

AT_ONCE = 4096
CHUNK = 16
MADE, PRESENT = "made", "present"


class Shard(NamedTuple):
    """Every ``of``-th photo, the ``number``-th of them first; counts from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """``"2/8"``.

        Raises:
            ConfigError: it is no such pair.
        """
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        number, of = map(int, match.groups()) if match else (0, 0)
        if not 1 <= number <= of:
            raise ConfigError(f"--shard {text!r}: give I/N with I from 1 to N, for example 1/4, 2/4, 3/4 and 4/4.")
        return cls(number, of)


@dataclass
class Drawn:
    """Counts of one run.

    Attributes:
        unreadable: what is wrong with the photos that could not be read; names each.
    """

    made: int = 0
    present: int = 0
    unreadable: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.made} made, {self.present} present, {len(self.unreadable)} unreadable"


def run(args: argparse.Namespace) -> int:
    """Draw what a config will need; the exit code is 1 if a photo could not be read."""
    shard = Shard.parse(args.shard)
    workers = args.workers or hardware()["cores"]
    if workers < 1:
        raise ConfigError(f"--workers {workers}: give 1 or more, or 0 for one a core.")
    cfg = config_of(args)
    manager = training_data(cfg)
    sketcher = manager.sketcher.to("cuda" if cfg.use_gpu and manager.sketcher.weights else "cpu")
    photos = list(islice(photos_to_draw(manager), shard.number - 1, None, shard.of))
    drawn = draw_all(photos, sketcher, workers)
    print("".join(f"{fault}\n" for fault in drawn.unreadable) + f"{sketcher.cache / sketcher.method}: {drawn}")
    return 1 if drawn.unreadable else 0


def photos_to_draw(manager: Any) -> Iterator[str]:
    """The photos that any stage makes sketches of, then those that test queries do, each once.

    Args:
        manager: the data manager of a config.
    """
    drawn = {s.source for stage in manager.stages for s in stage.shares if Modality.SKETCH in s.synthetic}
    persons = [source.persons for source in manager.training_sources if source.name in drawn]
    training = (str(each.items[row].media) for each in persons for row in _rows_without_sketch(each))
    targets = manager.test_targets.values()
    items = (item for target in targets for side in (target.query, target.gallery) for item in side)
    parts = (part for item in items for part in item.media.parts)
    testing = (str(part) for part in parts if part.synthetic and part.modality is Modality.SKETCH)
    return iter(dict.fromkeys(chain(training, testing)))


def _rows_without_sketch(persons: Any) -> Iterator[int]:
    return iter(persons.anchors.rows[persons.lacking(Modality.SKETCH)].tolist())


def draw_all(photos: Sequence[str], sketcher: Sketcher, workers: int) -> Drawn:
    """Draw every photo that the cache has no drawing of; a bar shows how far it is.

    Processes draw on CPUs; where the sketcher draws on a GPU, threads read for it.

    Raises:
        CacheError: the cache cannot be written.
        WorkerError: a process died.
    """
    drawn = Drawn()
    try:
        with _pool(sketcher, workers) as pool, tqdm(total=len(photos), unit="photo", disable=None) as bar:
            for said in _in_blocks(pool, photos):
                drawn.made += said == MADE
                drawn.present += said == PRESENT
                if said not in (MADE, PRESENT):
                    drawn.unreadable.append(said)
                bar.update()
    except BrokenProcessPool as error:
        raise WorkerError(
            "A process that draws died, most often for lack of memory: lower --workers. What is drawn is kept; run the "
            "same command again to go on."
        ) from error
    return drawn


def draw_one(photo: str, sketcher: Sketcher) -> str:
    """Draw one photo if need be: ``MADE``, ``PRESENT``, or why it cannot be read.

    Raises:
        CacheError: the cache cannot be written.
    """
    try:
        if sketcher.has(photo):
            return PRESENT
        sketcher(photo, read_image(photo))
    except CacheError:
        raise
    except MediaError as error:
        return str(error)
    return MADE


def _in_blocks(pool: Executor, photos: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(photos), AT_ONCE):  # an executor takes all it is given into memory at once
        yield from pool.map(_draw, photos[start : start + AT_ONCE], chunksize=CHUNK)


def _pool(sketcher: Sketcher, workers: int) -> Executor:
    if sketcher.device != "cpu":
        return ThreadPoolExecutor(workers, initializer=_begin, initargs=(sketcher,))
    return ProcessPoolExecutor(workers, initializer=_begin_process, initargs=(sketcher,))


_own: list[Sketcher] = []
"""The sketcher of this process; sent with every photo, it would load its network every time."""


def _begin(sketcher: Sketcher) -> None:
    _own[:] = [sketcher]


def _begin_process(sketcher: Sketcher) -> None:
    torch.set_num_threads(1)
    _begin(sketcher)


def _draw(photo: str) -> str:
    return draw_one(photo, _own[0])
