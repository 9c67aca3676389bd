"""The folder of a run, ``data.save_dir``: one run at a time writes to it, and it holds the files of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from ..errors import HostError, LockedError
from ..file_lock import file_lock
from ..training import distributed
from .record import REPORT, RESULTS, TARGETS

LOCK, EARLIER, TEST, MODEL = ".lock", "earlier", "test", "model"
OF_TESTS = (RESULTS, REPORT, TARGETS, "visrank_*")
FILES = (*OF_TESTS, MODEL, "events.out.tfevents.*")
"""What a run writes, except for its log; patterns."""


@contextmanager
def run_folder(save_dir: str, test_only: bool, resumed: bool) -> Iterator[Path]:
    """The folder that a run writes to, locked inside the block; collective, rank 0 holds the lock.

    A test in the folder of a training writes to ``test`` in it. Files of an earlier run are moved to ``earlier/1``,
    ``earlier/2`` and so on; if this run resumes it, those of its tests alone, as targets may be others.

    Raises:
        HostError: another run uses the folder, or it cannot be written; on every rank.
    """
    distributed.all_gather(None)  # another rank may still be reading a checkpoint of the folder
    folder, problem = Path(save_dir), ""
    with ExitStack() as stack:
        if distributed.is_main():
            try:
                if test_only and (folder / MODEL).is_dir():
                    folder /= TEST
                stack.enter_context(file_lock(folder / LOCK, "set data.save_dir to another folder"))
                _set_aside(folder, OF_TESTS if resumed else FILES)
            except LockedError as error:
                problem = str(error)
            except OSError as error:
                problem = f"Cannot write to {str(folder)!r} ({error}). Set data.save_dir to a folder that is writable."
        folder, problem = distributed.broadcast((folder, problem))
        if problem:
            raise HostError(problem)
        yield folder


def _set_aside(folder: Path, patterns: Sequence[str]) -> None:
    files = [path for pattern in patterns for path in folder.glob(pattern)]
    if not files:
        return
    place = next(place for number in count(1) if not (place := folder / EARLIER / str(number)).exists())
    place.mkdir(parents=True)
    for path in files:
        path.rename(place / path.name)
    held = "an earlier run; its files" if patterns == FILES else "results of before; they"
    print(f'=> "{folder}" held {held} are in "{place}" now')
