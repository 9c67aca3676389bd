"""Runs cases in worker processes; ends what hangs, starts what died again, and counts."""

import collections
import json
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .guard import GIB
from .worker import serve

LONGEST, PATIENCE = 10.0, 40.0
"""Seconds of processor time that a case may take, and of waiting, on a machine that may be busy with other work."""
START = 120.0
SPACE = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where workers have their folders: in memory, as many cases write to disk and wait for it."""
CPU = "CPU seconds"
VERDICTS = ("refused", "warned", "same", "other", "failed")


class Worker:
    """A process that runs cases."""

    def __init__(self, seed, suite):
        self.folder = Path(tempfile.mkdtemp(prefix="aio-fuzz-", dir=SPACE))
        self._options, self._process = (self.folder, seed, suite), None

    def close(self):
        """End the process and remove its folder."""
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, index):
        """``(verdict, detail, seconds of CPU)`` of a case."""
        if self._process is None:
            self._start()
        try:
            self._connection.send(index)
            if not self._finished():
                self._stop()
                return "failed", "hang", LONGEST
            verdict, detail, seconds, held = json.loads(self._connection.recv())
        except (EOFError, OSError):
            self._process.join(5)
            code = self._process.exitcode
            self._stop()
            return "failed", f"crash: exit code {code}", 0.0
        if held > 1.4 * GIB:
            self._stop()
        return verdict, detail, seconds

    def _finished(self):
        started, used = time.monotonic(), self._processor_time()
        while not self._connection.poll(0.5):
            if time.monotonic() - started > PATIENCE or self._processor_time() - used > LONGEST:
                return False
        return True

    def _processor_time(self):
        """Seconds of the process and of those that it started and waited for."""
        with open(f"/proc/{self._process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def _start(self):
        context = multiprocessing.get_context("spawn")
        shutil.rmtree(self.folder, ignore_errors=True)
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, *self._options), daemon=True)
        self._process.start()
        theirs.close()
        try:
            if not self._connection.poll(START):
                raise EOFError
            self._connection.recv()
        except EOFError as error:
            self._stop()
            raise RuntimeError("A worker did not start.") from error

    def _stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None


def run_cases(suite, cases, seed, jobs=1, minutes=60.0, progress=None):
    """What the cases came to: seed, cases, seconds, kinds (name -> verdict -> count) and failures."""
    numbers = suite.indices(cases)
    queue, lock = collections.deque(numbers), threading.Lock()
    kinds, failures = collections.defaultdict(collections.Counter), []
    started = time.monotonic()

    def work():
        worker = Worker(seed, suite)
        try:
            while time.monotonic() - started < 60 * minutes:
                try:
                    index = queue.popleft()
                except IndexError:
                    return
                verdict, detail, seconds = worker.run(index)
                with lock:
                    kinds[suite.kind(index).name].update({verdict: 1, CPU: seconds})
                    if verdict == "failed":
                        failures.append({"case": index, "kind": suite.kind(index).name, "detail": detail})
                    if progress:
                        progress(
                            len(numbers) - len(queue), len(failures), failures[-1] if verdict == "failed" else None
                        )
        finally:
            worker.close()

    with ThreadPoolExecutor(jobs) as pool:
        for each in [pool.submit(work) for _ in range(jobs)]:
            each.result()
    return {
        "seed": seed,
        "cases": sum(counts[verdict] for counts in kinds.values() for verdict in VERDICTS),
        "seconds": round(time.monotonic() - started),
        "kinds": {name: dict(kinds[name]) for name in sorted(kinds)},
        "failures": sorted(failures, key=lambda each: each["case"]),
    }


def table(result):
    """The counts by kind as a Markdown table."""
    lines = [
        "| kind | cases | our error | warned | as undamaged | other, valid | failed | CPU seconds |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    total = collections.Counter()
    for name, counts in result["kinds"].items():
        total.update(counts)
        lines.append(_row(name, counts))
    return "\n".join([*lines, _row("**all**", total)])


def _row(name, counts):
    numbers = [counts.get(verdict, 0) for verdict in VERDICTS]
    return f"| {name} | {' | '.join(f'{number:,.0f}' for number in (sum(numbers), *numbers, counts[CPU]))} |"
