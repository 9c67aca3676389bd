"""What a case may not do: open files outside its folder, start a process, use the network, let a pickle name code."""

import contextlib
import ctypes
import errno
import os
import resource
import sys
import tempfile
import unicodedata
from pathlib import Path

from aio_plugin.errors import AIOError

REPOSITORY = Path(__file__).parents[2]
DEVICES = {os.devnull, "/dev/urandom", "/dev/random"}
PROCESSES = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile", "pty.")
CHANGES = ("os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.symlink", "os.link", "os.truncate", "shutil.rmtree")
OTHERS = ("socket.connect", "socket.bind", "socket.getaddrinfo", "pickle.find_class")
IN_ACCESS, IN_OPEN = 0x1, 0x20
GIB = 1 << 30
CANARY = "CANARY-5d1e"


class Wrong(Exception):
    """A case ended in a way that is not accepted."""


class Guard:
    """Watches this process from now on, while it is switched on.

    Args:
        inside: the folder that cases may read and write.
        outside: a folder whose files may not be opened, not by native code either.
    """

    def __init__(self, inside, outside):
        places = {REPOSITORY, sys.prefix, sys.base_prefix, sys.exec_prefix, "/proc", "/sys", "/usr/share", "/usr/lib"}
        places |= {path for path in sys.path if path}
        self._allowed = tuple(os.path.realpath(place) + os.sep for place in (inside, *places))
        self._outside = os.path.realpath(outside)
        self._on, self.violations = False, []
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_NONBLOCK)
        libc.inotify_add_watch(self._events, os.fsencode(self._outside), IN_ACCESS | IN_OPEN)
        sys.addaudithook(self._audit)

    @contextlib.contextmanager
    def on(self):
        """Watch the block, and raise Wrong after it for the first thing that it should not have done."""
        self.violations = []
        self._native_opens()
        self._on = True
        try:
            yield
        except AIOError as error:
            self._on = False
            if CANARY in str(error):
                raise Wrong("content of a file outside the root in a message") from error
            raise
        finally:
            self._on = False
            self.violations += self._native_opens()
            if self.violations:
                raise Wrong(self.violations[0])

    def _audit(self, event, arguments):
        if not self._on:
            return
        if event == "open" or event in CHANGES:
            path = arguments[0]
            if isinstance(path, int) or path is None or not self._is_outside(os.fsdecode(path), event, arguments[-1]):
                return
            self.violations.append(f"{event} outside: {os.path.basename(os.path.realpath(os.fsdecode(path)))}")
            raise PermissionError(errno.EPERM, "refused by the guard of the fuzzers")
        if event == "subprocess.Popen" and _is_own(arguments[1]):
            return
        if event.startswith(PROCESSES) or event in OTHERS:
            self.violations.append(f"{event}: {arguments[1:]!r:.80}")

    def _is_outside(self, path, event, flags):
        if event == "open":
            if flags & (getattr(os, "O_PATH", 0) | getattr(os, "O_NOFOLLOW", 0)) and os.path.islink(path):
                return False  # it will not be followed
            real = os.path.realpath(path)
            if flags & os.O_NONBLOCK and not os.path.isfile(real):
                return False  # it is refused when it is known what it is
        else:
            real = os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path))
        return real not in DEVICES and not (real + os.sep).startswith(self._allowed)

    def _native_opens(self):
        with contextlib.suppress(BlockingIOError):
            if os.read(self._events, 1 << 16):
                return ["open outside, by native code or by Python"]
        return []


def _is_own(line):
    """Whether a process is git, which names the commit of a result, or one of ours, which reads CUHK03's file."""
    return line[0] == "git" or (line[0] == sys.executable and Path(line[1]).is_relative_to(REPOSITORY / "aio_plugin"))


def unprintable(text):
    """The characters of a message that would steer a terminal."""
    return {
        char for char in text if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }


def limit_memory(gib=2.5):
    """Further allocations of this process fail once they are ``gib`` GiB."""
    held = int(_status("VmData")) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (held + int(gib * GIB), resource.RLIM_INFINITY))


def reset_peak():
    """Forget the largest memory so far."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_bytes():
    """The largest resident memory since :func:`reset_peak`."""
    return int(_status("VmHWM")) * 1024


def held_bytes():
    """Resident memory now."""
    return int(_status("VmRSS")) * 1024


def _status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split()[1]
    raise KeyError(name)


def own_temporary_folder(folder):
    """Temporary files of this process are made in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
