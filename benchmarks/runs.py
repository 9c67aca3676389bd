"""Runs of the command line, each done once: what tables are made of."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aio_plugin.evaluation.results import validate, write_json

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Run:
    """One training with its tests.

    Its folder is named by a hash of config and settings, so that other settings never find its result. A run that was
    killed goes on from its last checkpoint. Delete the folder to run again, after changes of the code for example.

    Attributes:
        name: for people.
        config: a YAML file.
        settings: config keys and what overrides them.
        home: the folder that holds the run's.
    """

    name: str
    config: Path
    settings: Mapping[str, Any]
    home: Path

    @property
    def folder(self) -> Path:
        """Where the run writes."""
        text = json.dumps([self.config.read_text(), {k: str(v) for k, v in sorted(self.settings.items())}])
        return self.home / f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    @property
    def checkpoint(self) -> Path:
        """What it leaves."""
        return self.folder / "model" / "last.pth.tar"

    def result(self) -> dict[str, Any]:
        """Its results.json, after training if there is none.

        Raises:
            SystemExit: the run failed; the end of what it printed is shown.
            AIOError: the file is of another version or corrupt.
        """
        file = self.folder / "results.json"
        if not file.exists():
            self._train()
        found: dict[str, Any] = json.loads(file.read_text())
        validate(found)
        return found

    def _train(self) -> None:
        settings = {**self.settings, "data.save_dir": self.folder}
        if self.checkpoint.exists():
            settings["model.resume"] = self.checkpoint
        line = [sys.executable, "-W", "ignore", "-m", "aio_plugin", "main", "--config-file", str(self.config)]
        line += [str(each) for pair in settings.items() for each in pair]
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "output.log"
        print(f"{self.name}: {log}", file=sys.stderr, flush=True)
        with open(log, "a", encoding="utf-8") as out:
            code = subprocess.run(line, stdout=out, stderr=subprocess.STDOUT, cwd=REPOSITORY, check=False).returncode
        if code:
            end = "\n".join(log.read_text().splitlines()[-15:])
            raise SystemExit(f"{end}\n{self.name} failed; {log} has all of what it printed.")


def save(document: Mapping[str, Any], file: Path) -> None:
    """Write a benchmark's result, whole or not at all."""
    write_json(document, file)
    print(f"Written to {file}", file=sys.stderr)
