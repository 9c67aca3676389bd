"""The environment of a result: versions, hardware, code."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from .. import __version__

PACKAGE = Path(__file__).parents[1]
SOURCES = (".py", ".yaml", ".json", ".html")
"""Suffixes of the files that the package consists of."""

PACKAGES = (
    "aio_plugin",
    "torch",
    "torchvision",
    "torchreid",
    "timm",
    "open_clip_torch",
    "numpy",
    "Pillow",
    "opencv-python-headless",
)


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that are installed."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def hardware() -> dict[str, Any]:
    """Platform, processor, cores available to this process, and names of CUDA devices."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": cores or 1,
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"^model name\s*:(.*)", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.is_file() else None
    return model[1].strip() if model else platform.processor() or platform.machine()


@functools.cache
def code() -> dict[str, str]:
    """What this process runs: the package's ``version``, and the ``sha256`` of its source files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in PACKAGE.rglob("*") if path.suffix in SOURCES):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()} {len(content)}\n".encode() + content)
    return {"version": __version__, "sha256": digest.hexdigest()}


@functools.cache
def git_commit(file: Path = PACKAGE / "__init__.py") -> str | None:
    """The commit checked out where ``file`` lies, with ``-dirty`` appended if files differ.

    None where git does not track the file itself: a package installed below someone's repository is not part of it.
    """
    if not any((folder / ".git").exists() for folder in file.parents):
        return None

    def git(*arguments: str) -> str:
        # without locks, as it shall not write an index, which `git describe --dirty` does
        command = ["git", "--no-optional-locks", "-C", str(file.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", file.name)
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
