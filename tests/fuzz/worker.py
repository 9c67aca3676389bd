"""One process that runs cases, one after the other, as its parent names them."""

import fnmatch
import json
import os
import random
import sys
import time
import traceback
import warnings
from importlib import import_module

from aio_plugin.errors import AIOError

from .guard import GIB, Guard, held_bytes, limit_memory, own_temporary_folder, peak_bytes, reset_peak, unprintable
from .lab import Lab

MOST = 2 * GIB


class Suite:
    """Kinds of cases and the order in which their numbers go through them.

    Args:
        module: has them as KINDS.
        only: pattern of the names of the kinds to run.
    """

    def __init__(self, module="tests.fuzz.kinds", only="*"):
        self.module, self.only = module, only
        self._order = [kind for kind in import_module(module).KINDS for _ in range(kind.weight)]
        random.Random(12).shuffle(self._order)

    def __reduce__(self):
        return Suite, (self.module, self.only)

    @property
    def kinds(self):
        """Those to run."""
        return {kind.name: kind for kind in self._order if fnmatch.fnmatchcase(kind.name, self.only)}

    def kind(self, index):
        """The kind of case that ``index`` is."""
        return self._order[index % len(self._order)]

    def indices(self, cases):
        """The numbers below ``cases`` of the kinds to run."""
        kinds = self.kinds
        return [index for index in range(cases) if self.kind(index).name in kinds]


def run_case(kind, lab, seed, index):
    """``(verdict, detail)`` of a case: refused, warned, same, other, or failed."""
    lab.start(index)
    reset_peak()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            verdict = kind.run(random.Random(f"{seed} {index}"), lab)
        if verdict == "same" and any("aio_plugin" in each.filename for each in caught):
            verdict = "warned"
        detail = ""
    except AIOError as error:
        verdict, detail = "refused", type(error).__name__
        if not str(error).strip() or unprintable(str(error)):
            verdict, detail = "failed", f"message {str(error)!r:.200}"
    except (SystemExit, Exception) as error:
        verdict, detail = "failed", _described(error)
    finally:
        lab.end()
    if verdict != "failed" and peak_bytes() > MOST:
        verdict, detail = "failed", f"memory: {peak_bytes() / GIB:.1f} GiB"
    return verdict, detail


def _described(error):
    """The type, message and innermost places of an error."""
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if "/kinds/" in f.filename or "aio_plugin" in f.filename
    ]
    places = " < ".join(
        f"{f.filename.split('/aio_plugin/')[-1].split('/tests/')[-1]}:{f.lineno}" for f in frames[::-1][:3]
    )
    return f"{type(error).__name__}: {str(error)[:300]} [{places}]"


def serve(connection, folder, seed, suite):
    """Run the cases that the parent names until it closes the connection."""
    own_temporary_folder(folder / "inside" / "tmp")
    lab = Lab(folder)
    for kind in suite.kinds.values():
        kind.prepare(lab)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    os.chdir(lab.spare)
    lab.guard = Guard(lab.inside, lab.outside)
    limit_memory()
    connection.send(json.dumps("ready"))
    while True:
        try:
            index = connection.recv()
        except EOFError:
            return
        started = time.process_time()
        found = run_case(suite.kind(index), lab, seed, index)
        connection.send(json.dumps([*found, time.process_time() - started, held_bytes()]))
