"""Kinds whose every case has to be counted as failed, and three that have not."""

import os
import subprocess
import sys
import time

from aio_plugin.errors import DatasetError

from .guard import CANARY, GIB
from .kinds.base import Kind


def failing(about):
    """A kind whose case calls the function under the guard."""

    def kind(function):
        def run(rng, lab):
            with lab.guard.on():
                function(lab)
            return "same"

        KINDS.append(Kind(about, run))
        return function

    return kind


KINDS = []
failing("traceback")(lambda lab: {}["x"])
failing("hang")(lambda lab: time.sleep(60))
failing("crash")(lambda lab: os.abort())
failing("exit")(lambda lab: sys.exit(0))
failing("memory")(lambda lab: bytearray(int(2.2 * GIB)))
failing("read outside")(lambda lab: (lab.outside / "canary.txt").read_bytes())
failing("process")(lambda lab: subprocess.run(["true"], check=True))
failing("native read outside")(lambda lab: __import__("lmdb").open(str(lab.outside), create=True, lock=False))


@failing("link out")
def _(lab):
    (lab.case / "x").symlink_to("/etc/hostname")
    (lab.case / "x").read_bytes()


@failing("told outside")
def _(lab):
    raise DatasetError(f"Line 1 is {CANARY!r}.")


@failing("fine refused")
def _(lab):
    raise DatasetError("Line 1 is damaged.")


failing("fine same")(lambda lab: (lab.case / "x").write_bytes(b"x"))
failing("fine shallow")(lambda lab: bytearray(GIB))
