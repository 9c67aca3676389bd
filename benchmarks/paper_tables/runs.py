"""Runs of the command line, each done once: what tables are made of."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aio_plugin.errors import AIOError
from aio_plugin.evaluation.results import COLUMNS, file_name, validate
from aio_plugin.host.record import RESULTS, TARGETS

from ..result_files import REPOSITORY

AFTER = COLUMNS[-1]
"""The column of a result that tables show: after training (or as loaded, where nothing is trained)."""

LAST_LINES = 15
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """One training, and tests of what it leaves.

    Its folder is named by a hash of config, settings and world, so that others never find its results; targets
    are not in it, so that a further dataset needs no further training. A run that was killed goes on from its last
    checkpoint. Delete the folder to run again, after changes of the code for example.

    Attributes:
        name: for people.
        config: a YAML file.
        settings: config keys and what overrides them; ``data.targets`` is not among them.
        home: the folder that holds the run's.
        world: what the data is, beside its path: a toy world's facts and a digest of its files.
        trains: False tests the model as it is built.
    """

    name: str
    config: Path
    settings: Mapping[str, Any]
    home: Path
    world: str = ""
    trains: bool = True

    @property
    def folder(self) -> Path:
        """Where the run writes."""
        settings = {key: str(value) for key, value in sorted(self.settings.items())}
        return self.home / f"{self.name}-{_digest([self.config.read_text(), settings, self.world, self.trains])}"

    @property
    def checkpoint(self) -> Path:
        """What it leaves."""
        return self.folder / "model" / "last.pth.tar"

    def documents(
        self, targets: Sequence[str], options: Mapping[str, Any] | None = None, tell: Tell | None = None
    ) -> dict[str, dict[str, Any]]:
        """target -> its result document, after what training and tests are still to be done.

        Args:
            targets: as data.targets names them; at least one.
            options: settings of the test alone, such as a dataset's protocol.
            tell: is given every line that the run prints.

        Raises:
            AIOError: the run failed (the end of what it printed is shown), or a result file is corrupt or of
                another version (it is named).
        """
        options = options or {}
        self.train(targets, tell)
        with _alone(self.folder) as lock:
            missing = [target for target in targets if self._file(target, options) is None]
            if missing:
                place = self.folder / f"tests-{_digest(_sorted(options))}-{_digest(missing)}"
                test = {"test.evaluate": True, "data.save_dir": place, "data.targets": self._list(missing)}
                self._command({**test, **options}, lock, tell)
        return {target: read_document(self._file(target, options) or self.folder) for target in targets}

    def _file(self, target: str, options: Mapping[str, Any]) -> Path | None:
        """The result of ``target``: of the training, or of a test with ``options``; None if there is none."""
        tests = self.folder.glob(f"tests-{_digest(_sorted(options))}-*")
        files = (
            place / TARGETS / f"{file_name(target)}.json" for place in (*([] if options else [self.folder]), *tests)
        )
        return next((file for file in files if file.exists()), None)

    def train(self, targets: Sequence[str], tell: Tell | None = None) -> None:
        """Train, unless that is done or there is nothing to train, and test on ``targets``.

        Raises:
            AIOError: the run failed.
        """
        with _alone(self.folder) as lock:
            if self.trains and not ((self.folder / RESULTS).exists() and self.checkpoint.exists()):
                self._command({"data.save_dir": self.folder, "data.targets": self._list(targets)}, lock, tell)

    @staticmethod
    def _list(targets: Sequence[str]) -> str:
        return f"[{', '.join(map(repr, targets))}]"

    def _command(self, further: Mapping[str, Any], lock: int, tell: Tell | None) -> None:
        settings = {**self.settings, **further}
        if self.trains and self.checkpoint.exists():
            settings["model.resume"] = self.checkpoint
        line = [sys.executable, "-W", "ignore", "-m", "aio_plugin", "main", "--config-file", str(self.config)]
        line += [_written(each) for pair in settings.items() for each in pair]
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "output.log"
        code, last = _follow(line, log, lock, tell)
        if code:
            raise AIOError(f"{last}\n{self.name} failed; {log} has all of what it printed.")


def read_document(path: Path) -> dict[str, Any]:
    """The result document at ``path``.

    Raises:
        AIOError: it is missing, no JSON or of another schema; names it.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        validate(found)
    except (OSError, ValueError, AIOError) as error:
        raise AIOError(f"{path}: no result that can be read ({error}); delete it and run again.") from error
    return found


def result_of(document: Mapping[str, Any], target: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The entry of ``target`` in ``document``, and its result after training.

    Raises:
        AIOError: it has none.
    """
    for entry in document["targets"]:
        if entry["target"] == target and entry["results"].get(AFTER):
            return entry, entry["results"][AFTER]
    raise AIOError(f"The result of {target} has no column {AFTER!r}; delete its run and run again.")


def relative(path: Path) -> Path:
    """``path`` as seen from the repository where it lies in it: no result needs to tell whose machine it was."""
    path = path.resolve()
    return path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path


def _written(value: Any) -> str:
    return str(relative(value)) if isinstance(value, Path) else str(value)


def _sorted(options: Mapping[str, Any]) -> list[str]:
    return sorted(map(str, options.items()))


def _digest(what: Any) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:8]


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Waits until nobody else works in ``folder``: the child of a killed runner holds the lock while it lives."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def _follow(line: Sequence[str], log: Path, lock: int, tell: Tell | None) -> tuple[int, str]:
    """Run a command, copy what it prints to ``log`` and line by line to ``tell``; exit code and last lines."""
    last: deque[str] = deque(maxlen=LAST_LINES)
    with (
        open(log, "a", encoding="utf-8") as out,
        subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=REPOSITORY, pass_fds=[lock]
        ) as process,
    ):
        assert process.stdout is not None
        for text in process.stdout:
            out.write(text)
            out.flush()
            last.append(text.rstrip("\n"))
            if tell is not None:
                tell(last[-1])
    return process.returncode, "\n".join(last)


@dataclass
class Plan:
    """Which targets every run is tested on, over all tables: so that each run starts once.

    Attributes:
        targets: (run, test settings) -> targets.
    """

    targets: dict[tuple[Path, str], list[str]] = field(default_factory=dict)

    def add(self, run: Run, target: str, options: Mapping[str, Any]) -> None:
        """Plan a test."""
        listed = self.targets.setdefault(self._key(run, options), [])
        if target not in listed:
            listed.append(target)

    def of(self, run: Run, options: Mapping[str, Any]) -> list[str]:
        """All targets of a run with these test settings."""
        return self.targets[self._key(run, options)]

    def first(self, run: Run) -> list[str]:
        """The targets that its training ends with: those of tests without settings."""
        return self.targets.get(self._key(run, {}), [])

    @staticmethod
    def _key(run: Run, options: Mapping[str, Any]) -> tuple[Path, str]:
        return run.folder, json.dumps(options, sort_keys=True, default=str)
