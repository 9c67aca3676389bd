"""Starts a run: connects torchrun's processes, and runs a torchreid script with the plug-in registered."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from ..errors import AIOError, HostError
from ..training import distributed
from .patches.base import Patches
from .registration import register
from .torchreid_import import import_torchreid

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
    if not os.path.isfile(script):
        raise HostError(f"There is no script {path!r}; give the path of torchreid's scripts/main.py or your own.")
    register()
    module = ModuleType("__main__")
    module.__file__ = str(script)
    with connected_processes(), Patches() as patches, workers_repaired():
        patches.set_attribute(sys, "argv", [str(script), *arguments])
        patches.set_attribute(sys, "path", [str(script.resolve().parent), *sys.path])
        exec(compile(script.read_bytes(), str(script), "exec"), module.__dict__)


@contextlib.contextmanager
def workers_repaired() -> Iterator[None]:
    """Let spawned workers repair torchvision before they unpickle their dataset."""
    with Patches() as patches:
        patches.set_attribute(sys.modules["__main__"], "__spec__", importlib.util.find_spec(WORKER))
        yield


@contextlib.contextmanager
def connected_processes() -> Iterator[None]:
    """Connect the processes that torchrun started, if it did, and silence all but rank 0; errors name the rank."""
    with distributed.process_group():
        if distributed.world_size() == 1:
            yield
            return
        try:
            with contextlib.nullcontext() if distributed.is_main() else _silence():
                yield
        except AIOError as error:
            raise type(error)(f"rank {distributed.rank()}: {error}") from error


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Suppress printed lines, warnings and the log file."""
    utils = import_torchreid().utils
    stock = utils.Logger
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Patches() as patches:
            patches.set_attribute(utils, "Logger", lambda fpath=None: stock())  # without its file
            yield
