"""The papers' tables, regenerated: published beside ours, from the data and weights that are there.

    python -m benchmarks.paper_tables --root DIR --weights DIR --seeds 3
    python -m benchmarks.paper_tables --root DIR --table 4 7
    python -m benchmarks.paper_tables --toy

Runs that are finished are used again (by a hash of config and settings), a killed one goes on. Every table is written
to results/<real|toy|toy_large>/ as soon as its runs are there; what cannot be computed stays empty and says why.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from aio_plugin.atomic_write import written_whole
from aio_plugin.datasets.toy_facts import contents_digest, read_toy_facts
from aio_plugin.errors import AIOError, ConfigError
from aio_plugin.toy.layouts import make

from ..markdown.__main__ import table_of
from . import chosen, documents
from .comparisons import differences
from .measure import Measurer
from .presence import Bench
from .runs import Tell
from .scales import REAL, SCALES, Scale
from .spec import Table

WORLD_SEED = 0
STEP = re.compile(r"epoch: \[\d+/\d+\]\[\d+/\d+\]|Extracting features from \w+ set")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 1 where --check finds a difference, 2 for a user's mistake."""
    args = _parser().parse_args(arguments)
    try:
        scale = SCALES[args.toy] if args.toy else REAL
        return _make(chosen(args.table, scale), _bench(scale, args), args)
    except AIOError as error:
        print(f"benchmarks.paper_tables: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    toys = [name for name, scale in SCALES.items() if scale.toy]
    parser.add_argument("--table", nargs="+", default=[], metavar="NAME", help="3 to 9 (AIO's), dmf, ...; default: all")
    parser.add_argument("--root", type=Path, help="the folder of the datasets; with --toy made where there is none")
    parser.add_argument("--weights", type=Path, help="the folder of the encoders' files, see benchmarks/README.md")
    parser.add_argument("--seeds", type=int, help=f"runs of every training (default {REAL.seeds}, with --toy 3)")
    parser.add_argument("--toy", nargs="?", choices=toys, const=toys[0], help="the toy world; toy_large wants a GPU")
    parser.add_argument("--runs", type=Path, default=Path("log/tables"), help="the folder of the runs")
    parser.add_argument("--results", type=Path, default=documents.RESULTS, help="the folder of the tables")
    parser.add_argument(
        "--jobs", type=int, default=1, help="runs at a time, each on its share of the cores (default 1)"
    )
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY VALUE", help="config keys over those of every run")
    parser.add_argument("--check", action="store_true", help="write nothing, compare with the tables that are there")
    parser.add_argument("--list", action="store_true", help="only say what can be computed and what is missing")
    return parser


def _bench(scale: Scale, args: argparse.Namespace) -> Bench:
    """Raises ConfigError where toy and real data could be taken for each other."""
    if len(args.set) % 2:
        raise ConfigError("--set takes pairs of KEY and VALUE.")
    extra = dict(zip(args.set[::2], args.set[1::2], strict=True))
    if extra and args.results.resolve() == documents.RESULTS:
        raise ConfigError("--set makes other tables than the definitions say; give --results another folder.")
    if args.root is None and not scale.toy:
        raise ConfigError("--root DIR is missing, the folder of the datasets (or --toy for the toy world).")
    root = (args.root or scale.root).resolve()
    world = read_toy_facts(root)
    if not scale.toy and world:
        raise ConfigError(f"{root} is a toy world, whose numbers are no results; add --toy, or give another --root.")
    if not scale.toy and not root.is_dir():
        raise ConfigError(f"There is no folder {root}; give --root the folder that holds the datasets' folders.")
    if scale.toy and args.root and not args.check and args.results.resolve() == documents.RESULTS:
        raise ConfigError(f"{root} is not the world of the tables that are committed; give --results another folder.")
    if scale.toy and not (world and args.root):
        world = read_toy_facts(make(root, scale.ids, WORLD_SEED, sets="all"))
    home = args.runs.resolve() / scale.name
    weights = args.weights.resolve() if args.weights else None
    return Bench(scale, root, weights, home, world, contents_digest(root) if world else "", extra)


def _make(tables: Sequence[Table], bench: Bench, args: argparse.Namespace) -> int:
    print("\n".join(_missing(tables, bench)))
    tables = [table for table in tables if any(not bench.missing(cell) for _, _, cell in table)]
    if args.list:
        return 0
    paths = {table.name: args.results / bench.scale.name / f"{table.name}.json" for table in tables}
    for path in paths.values() if args.check else ():
        _check_world(documents.read_table(path), bench, path)
    seeds = range(1, 1 + (args.seeds or bench.scale.seeds))
    off: list[str] = []
    with tqdm(unit="run", disable=None) as bar:
        measurer = Measurer(bench, seeds, _command(args), tell=_teller(bar), done=lambda name: _tick(bar, name))
        bar.reset(measurer.prepare(tables))
        if args.jobs > 1:
            os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // args.jobs))  # of the runs
            measurer.run_all(tables, args.jobs)
        for table in tables:
            bar.set_description(table.name)
            document = measurer.document(table)
            if args.check:
                off += differences(documents.read_table(paths[table.name]), document)
            else:
                _write(document, paths[table.name], args.results)
    print("\n".join(off))
    return 1 if off else 0


def _check_world(document: documents.Document, bench: Bench, path: Path) -> None:
    """Raise ConfigError where a table to compare with was computed on another toy world."""
    if document.world != bench.world:
        raise ConfigError(
            f"{path} was computed on the toy world {document.world}, {bench.root} is {bench.world}; give --root the "
            "same world, or --results the tables of this one."
        )


def _tick(bar: tqdm[None], name: str) -> None:
    bar.update()
    if bar.disable:  # nobody watches a bar, a log wants lines
        print(f"done: {name}", flush=True)


def _write(document: documents.Document, path: Path, results: Path) -> None:
    documents.save_table(document, path)
    text = table_of(f"{document.scale}/{document.table}", results)
    with written_whole(path.with_suffix(".md")) as file:
        file.write(text.encode())
    tqdm.write(f"{path.with_suffix('.md')}\n\n{text}")


def _missing(tables: Sequence[Table], bench: Bench) -> list[str]:
    """How much of which table can be computed, and what is missing for the rest."""
    lines, wanted = [], dict[str, list[str]]()
    for table in tables:
        faults = [bench.missing(cell) for _, _, cell in table]
        had = sum(not fault for fault in faults)
        lines.append(f"{table.name}: {had} of {len(faults)} cells can be computed{'' if had else ', not written'}")
        for fault in dict.fromkeys(fault for each in faults for fault in each):
            wanted.setdefault(fault, []).append(table.name)
    missing = [f"  {fault} ({', '.join(names)})" for fault, names in wanted.items()]
    return [*lines, *(["missing:"] if missing else []), *missing]


def _teller(bar: tqdm[None]) -> Tell:
    def tell(line: str) -> None:
        match = STEP.search(line)
        if match:
            bar.set_postfix_str(match[0])

    return tell


def _command(args: argparse.Namespace) -> str:
    """What was typed, without the places of this machine."""
    parts = ["python -m benchmarks.paper_tables"]
    parts += [f"--toy {args.toy}".removesuffix(" toy")] if args.toy else []
    parts += ["--root DIR"] if args.root else []
    parts += ["--weights DIR"] if args.weights else []
    parts += [f"--seeds {args.seeds}"] if args.seeds else []
    parts += [f"--set {' '.join(args.set)}"] if args.set else []
    return " ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
