"""Files and folders that exist complete or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import WriteError
from .file_lock import folder_lock


@contextmanager
def written_whole(path: Path, flushed: bool = True) -> Iterator[IO[bytes]]:
    """A binary file to write to; it replaces ``path`` when the block ends without an error.

    It is flushed to disk before it is renamed, so that a kill at any moment leaves the old file or the
    new one. If the block raises, the old file stays and the new one is removed.

    Args:
        flushed: to disk; False for files by the thousand that can be made again.

    Raises:
        WriteError: the disk is full, the folder is read-only and the like.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "results.json"
    >>> with written_whole(path) as file:
    ...     size = file.write(b"{}")
    >>> path.read_bytes()
    b'{}'
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            if flushed:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.filename not in (None, str(temporary), str(path.parent)):  # the block's own
            raise
        raise WriteError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """A folder to write to; it is renamed to ``path``, absent or empty before, when the block ends without an error.

    It lies beside ``path`` under a name of its own, so that what a killed process left is removed by the next one.

    Raises:
        LockedError: another process is writing it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.with_name(f".{path.name}.partial")
    folder.mkdir(exist_ok=True)
    with folder_lock(folder):
        try:
            for left in folder.iterdir():
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
            if path.exists():
                path.rmdir()
            yield folder
            folder.rename(path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
