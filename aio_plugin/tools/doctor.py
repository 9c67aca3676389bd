"""``doctor``: checks the installation and the datasets below the data root."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

from ..errors import DatasetError
from . import installation
from .data_root import check_data_root
from .report import Section


def run_doctor(args: argparse.Namespace) -> int:
    """Print the report; the exit code is 1 if there is a problem.

    Raises:
        DatasetError: ``--root`` is not a folder.
    """
    root = os.path.expanduser(args.root) if args.root is not None else None
    if root is not None and not os.path.isdir(root):
        raise DatasetError(f"There is no folder {root}; give --root the folder that contains the datasets' folders.")
    problems = 0
    for section in examine(root, args.fast):
        print(f"{section}\n", flush=True)
        problems += len(section.problems)
    print(conclusion(problems))
    return 1 if problems else 0


def examine(root: str | None, fast: bool = False) -> Iterator[Section]:
    """The sections of the report: packages, encoders, plugins, the data root and each dataset folder in it.

    Args:
        root: the data root; None examines no datasets.
        fast: do not open images.
    """
    yield installation.packages()
    yield installation.encoders()
    yield from installation.plugins()
    if root is not None:
        yield from check_data_root(root, fast)


def conclusion(problems: int) -> str:
    """The last line of the report."""
    return f"{problems} problem{'' if problems == 1 else 's'}." if problems else "No problems."
