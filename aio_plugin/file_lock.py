"""Locks on files and folders: one process holds one, and it is free as soon as that process ends, however it ends."""

from __future__ import annotations

import datetime
import errno
import os
import platform
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import LockedError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextmanager
def file_lock(path: Path, cure: str = "", wait: bool = False) -> Iterator[None]:
    """Hold the lock of a file, which is created and stays, inside the block.

    Processes exclude each other on one machine, and on several where the file system passes locks on (NFS does). A
    process that was forked does not hold the lock of its parent. On a file system without locks a warning is given.

    Args:
        cure: what to do if another process holds it, for the error.
        wait: until that process frees it.

    Raises:
        LockedError: another process holds it; says which.
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(_open_itself(path), "a+", encoding="utf-8") as file:
        try:
            _lock(file.fileno(), wait)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            holder = file.read(200).strip() or "unknown"
            raise LockedError(
                f"{str(path.parent)!r} is in use by another run ({holder}). Wait until it ends, or {cure}."
            ) from error
        except OSError as error:
            warnings.warn(
                f"{path}: its file system has no locks ({error.strerror}). Make sure that no other process writes to "
                "this folder at the same time.",
                stacklevel=3,
            )
        file.truncate(0)
        started = datetime.datetime.now().isoformat(" ", "seconds")
        file.write(f"process {os.getpid()} on {platform.node()}, since {started}\n")
        file.flush()
        yield


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other processes from what they do under a lock of ``folder``; a killed process holds none.

    Unlike :func:`file_lock`, it leaves no file, so that the folder may be renamed or removed.

    Raises:
        LockedError: another process holds it, or has moved or removed the folder meanwhile.
    """
    if sys.platform == "win32":  # has no locks of folders
        yield
        return
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            same = os.path.samestat(os.fstat(lock), os.stat(folder))
        except (BlockingIOError, FileNotFoundError):
            same = False
        if not same:
            raise LockedError(f"Another process works in {folder}; wait until it has finished.")
        yield
    finally:
        os.close(lock)


def _open_itself(path: Path) -> int:
    """The file's descriptor; a link, through which another file would be written, or a pipe is refused."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    opened = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return opened


def _lock(descriptor: int, wait: bool) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # a byte behind the text, which others must be able to read
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
