"""Writes a toy world completely or not at all, on all cores, with the same bytes every time."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...atomic_write import folder_written_whole
from ...datasets.toy_facts import FACTS_FILE, ToyFacts, read_toy_facts
from ...errors import DatasetError, WorkerError, nearest
from ...worker_processes import obey_parent
from ..drawing.draw import draw_ir, draw_rgb, draw_sketch
from .cuhk03_np import plan_cuhk03_np
from .cuhk_pedes import plan_cuhk_pedes
from .finegpr import plan_finegpr
from .llcm import plan_llcm
from .market1501 import plan_market1501
from .mask1k import plan_mask1k
from .msmt17 import plan_msmt17
from .pku_sketch import plan_pku_sketch
from .plan import Picture, Plan
from .randperson import plan_randperson
from .synth_pedes import plan_synth_pedes
from .sysu_mm01 import plan_sysu_mm01

VERSION = 3
"""Increased whenever the same ids and seed give other files."""

_AIO = (
    plan_synth_pedes,
    plan_llcm,
    plan_mask1k,
    plan_market1501,
    plan_sysu_mm01,
    plan_pku_sketch,
    plan_cuhk_pedes,
)
_DMF = (plan_finegpr, plan_randperson, plan_msmt17, plan_cuhk03_np)
SETS: dict[str, tuple[Callable[[int, int], Plan], ...]] = {
    "aio": _AIO,
    "dmf": (plan_market1501, *_DMF),
    "all": (*_AIO, *_DMF),
}
"""Datasets that are written together; the files of one do not depend on the others."""


def make(
    root: str | Path,
    ids: int = 300,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
    sets: str = "aio",
) -> Path:
    """Writes a toy world under ``root``, or keeps it if the same world is there already.

    Args:
        root: a folder that is absent or empty, or holds the same toy world.
        ids: people in SYNTH-PEDES and FineGPR; the other datasets grow with it.
        seed: of the people and the pictures.
        workers: processes that draw; all cores by default. The files do not depend on it.
        progress: whether to show a bar.
        sets: which datasets, a key of :data:`SETS`.

    Returns:
        ``root`` as a path.

    Raises:
        DatasetError: ``ids`` is too small, ``sets`` is unknown, or ``root`` holds anything else or cannot be written.
        LockedError: another process is writing to it.
        WorkerError: a process that draws was killed.
    """
    if ids < 8:
        raise DatasetError(f"A toy world needs at least 8 identities, got {ids}; give --ids 8 or more.")
    if seed < 0:
        raise DatasetError(f"The seed of a toy world must not be negative, got {seed}.")
    if sets not in SETS:
        raise DatasetError(f"A toy world has no sets {sets!r}.{nearest(sets, SETS)}")
    root = Path(root)
    facts: ToyFacts = {"ids": ids, "seed": seed, "sets": sets, "version": VERSION}
    try:
        if _holds(root, facts):
            return root
        plans = [plan(ids, seed) for plan in SETS[sets]]
        with folder_written_whole(root) as folder:
            write_plans(folder, plans, draw_picture, workers or _cores(), progress)
            (folder / FACTS_FILE).write_text(json.dumps(facts) + "\n")
    except OSError as error:
        raise DatasetError(
            f"The toy world cannot be written to {root} ({error}); nothing is kept of it. Free disk space, or give "
            "another --root."
        ) from error
    except BrokenProcessPool as error:
        raise WorkerError(
            f"A process that draws the toy world died, perhaps for want of memory; nothing is kept of {root}. Make it "
            "again."
        ) from error
    return root


def _holds(root: Path, wanted: ToyFacts) -> bool:
    """Whether ``root`` holds the world already; false if it can be written."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    present = read_toy_facts(root)
    if present is None:
        raise DatasetError(f"{root} is not empty and not a toy world; give --root a folder that is absent or empty.")
    if present == wanted:
        return True
    raise DatasetError(f"{root} holds another toy world ({present}, not {wanted}); delete it or give another --root.")


Painter = Callable[[tuple[str, Picture]], None]


def write_plans(root: Path, plans: Iterable[Plan], paint: Painter, workers: int = 1, progress: bool = False) -> None:
    """Writes datasets below ``root``.

    Args:
        paint: writes the picture of ``(root, picture)``, as :func:`draw_picture` does.
        workers: processes that paint.
    """
    jobs: list[tuple[str, Picture]] = []
    for plan in plans:
        jobs += [(str(root), picture) for picture in plan.pictures]
        for name in plan.folders:
            (root / name).mkdir(parents=True, exist_ok=True)
        for name, content in plan.files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
    for parent in {(root / picture.path).parent for _, picture in jobs}:
        parent.mkdir(parents=True, exist_ok=True)
    with tqdm(total=len(jobs), desc="toy world", unit="picture", mininterval=0.5, disable=not progress) as bar:
        for _ in _painted(paint, jobs, workers):
            bar.update()


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _painted(paint: Painter, jobs: list[tuple[str, Picture]], workers: int) -> Iterator[None]:
    if workers == 1:
        yield from map(paint, jobs)
        return
    # fork where there is one: a script that calls make() then needs no __main__ guard
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else None)
    with ProcessPoolExecutor(workers, context, obey_parent) as pool:
        try:
            yield from pool.map(paint, jobs, chunksize=32)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def draw_picture(job: tuple[str, Picture]) -> None:
    """Draws and writes the picture of ``(root, picture)``; its folder must exist."""
    folder, picture = job
    rng = np.random.default_rng(picture.key)
    if isinstance(picture.by, str):
        image = draw_sketch(picture.person, picture.by, rng, picture.pose)
    elif picture.kind == "ir":
        image = draw_ir(picture.person, picture.by, rng, picture.pose).convert("L")
    else:
        image = draw_rgb(picture.person, picture.by, rng, picture.pose)
    image.save(f"{folder}/{picture.path}", quality=90)  # of JPEG; the other formats ignore it
