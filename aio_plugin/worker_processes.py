"""Processes that do a part of the work of another."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading


def obey_parent() -> None:
    """Leave an interrupt to the parent process, and end with it even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
