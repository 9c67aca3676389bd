"""Markdown of results that are no table of a paper: runs of the demo, speed, ranking."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aio_plugin.errors import AIOError
from aio_plugin.evaluation.table import percent, rows
from aio_plugin.evaluation.table import table as text_table

from ..paper_tables.runs import AFTER, read_document
from ..speed import table as speed
from .formatting import markdown_table


def printed(name: str, results: Path) -> str:
    """What the run of ``<name>.json`` printed at its end."""
    return f"```\n{text_table(read_document(results / f'{name}.json'))}\n```"


def seeds(name: str, results: Path) -> str:
    """Rank-1 after training in ``<name>_seed<n>.json``, a column a seed.

    Raises:
        AIOError: there is no such file, one cannot be read, or their targets differ.
    """
    paths = sorted(results.glob(f"{name}_seed*.json"))
    if not paths:
        raise AIOError(
            f"{results / name}_seed<n>.json: there is none; run the command that benchmarks/README.md names."
        )
    found = [[row for row in rows(read_document(path)) if not row.variant] for path in paths]
    targets = [[row.target for row in each] for each in found]
    for path, each in zip(paths, targets, strict=True):
        if each != targets[0]:
            raise AIOError(
                f"{path}: its targets are {each}, those of {paths[0].name} {targets[0]}; run one of them again."
            )
    head = (
        "Rank-1",
        "target",
        "chance",
        *(path.stem.removeprefix(f"{name}_").replace("seed", "seed ") for path in paths),
    )
    body = []
    for same in zip(*found, strict=True):
        values = [percent(cell["rank-1"]) if (cell := row.cells[AFTER]) else "-" for row in same]
        body.append((same[0].direction.replace("->", "→"), f"`{same[0].target}`", percent(same[0].chance), *values))
    return markdown_table(head, body, "---:")


def fast(name: str, results: Path) -> str:
    """Speed of training, inference and loading."""
    return _of(results / f"{name}.json", speed.markdown)


def profile(name: str, results: Path) -> str:
    """How that scales, and where the time goes."""
    return _of(results / f"{name}.json", speed.details)


def ranking(name: str, results: Path) -> str:
    """Our ranking beside torchreid's compiled one."""
    return _of(results / f"{name}.json", _ranking)


def _ranking(document: Mapping[str, Any]) -> str:
    body = []
    for size, found in document["sizes"].items():
        ours, theirs = found["aio_plugin"], found["torchreid"]
        times = [f"{each['seconds']:.2f} s, {each['extra_mib']:,.0f} MiB" for each in (theirs, ours)]
        about = f"{size}'s size: {found['queries']:,} queries, {found['gallery']:,} gallery"
        body.append((about, *times, f"{found['times_faster']:.1f}"))
    where = f"{document['hardware']['processor']}, {document['threads']} threads, {document['created'][:10]}"
    return markdown_table((where, "torchreid with Cython", "this package", "times faster"), body, "---:")


def _of(path: Path, made: Callable[[Mapping[str, Any]], str]) -> str:
    try:
        text = made(json.loads(path.read_text(encoding="utf-8")))
        if not text:
            raise LookupError("it has none of these numbers")
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise AIOError(
            f"{path}: no result that can be read ({error!r}); make it again (benchmarks/README.md)."
        ) from error
    return text
