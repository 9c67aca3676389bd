"""Runs a torchreid script, unmodified, with the plug-in registered."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from ..errors import HostError
from .processes import processes
from .registration import register

WORKER = "aio_plugin.host.spawn_main"


def run_script(path: str, arguments: Sequence[str]) -> None:
    """Run the Python file ``path`` like ``python path arguments``, after :func:`aio_plugin.register`.

    If torchrun started several processes, they are connected first, and rank 0 alone prints and logs.

    The script runs in a fresh module and not as the real ``__main__``: spawned workers run the main module again, and
    would import torchreid unregistered.

    Raises:
        HostError: the file does not exist.
    """
    script = Path(path)
    if not script.is_file():
        raise HostError(f"There is no script {path!r}; give the path of torchreid's scripts/main.py or your own.")
    register()
    module = ModuleType("__main__")
    module.__file__ = str(script)
    with processes(), _arguments_of(script, arguments), workers_repaired():
        exec(compile(script.read_bytes(), str(script), "exec"), module.__dict__)


@contextlib.contextmanager
def workers_repaired() -> Iterator[None]:
    """Let spawned workers repair torchvision before they unpickle their dataset."""
    main = sys.modules["__main__"]
    before = getattr(main, "__spec__", None)
    main.__spec__ = importlib.util.find_spec(WORKER)
    try:
        yield
    finally:
        main.__spec__ = before


@contextlib.contextmanager
def _arguments_of(script: Path, arguments: Sequence[str]) -> Iterator[None]:
    argv, path = sys.argv, list(sys.path)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = argv, path
