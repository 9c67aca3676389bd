"""The command line: ``python -m aio_plugin COMMAND`` or ``aio-reid COMMAND``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .datasets import ADAPTERS
from .errors import AIOError
from .host import main as host_main
from .host.launch import run_script
from .keys import KEYS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code: 2 for a user's mistake, 1 where doctor found something wrong."""
    args = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int | None] = args.command
    try:
        code = command(args)
    except AIOError as error:
        if os.environ.get("AIO_DEBUG"):
            raise
        print(f"aio-reid: {error}", file=sys.stderr)
        return 2
    return code or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("aio-reid", description="All-in-One multimodal person re-identification.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Any], int | None], about: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=about, description=about)
        sub.set_defaults(command=run)
        return sub

    host_main.add_arguments(command("main", host_main.run, "train or test from a config file, as torchreid's script"))
    run = command("run", _run, "run torchreid's scripts/main.py, or your own, with this package registered")
    run.add_argument("script", help="path of the script")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    toy = command("toy", _toy, "write a small made-up world of people in the layouts of the real datasets")
    toy.add_argument("--root", required=True, help="folder to write to; data.root of the configs")
    toy.add_argument("--ids", type=int, default=300, help="number of people (default 300)")
    toy.add_argument("--seed", type=int, default=0, help="another seed, another world (default 0)")
    toy.add_argument("--sets", default="aio", help="aio (default), dmf or all: the datasets of that method's configs")
    doctor = command("doctor", _doctor, "say what is installed, and look every dataset over; exit code 1: find a fault")
    doctor.add_argument(
        "--root", help="data root, the folder that contains the datasets' folders; none: look at no data"
    )
    doctor.add_argument("--fast", action="store_true", help="read names only, open no image")
    lexicon = command("lexicon", _lexicon, "make an attribute lexicon of SYNTH-PEDES's own attribute words")
    lexicon.add_argument("--root", required=True, help="data root, the folder that contains SYNTH-PEDES")
    lexicon.add_argument("--least", type=int, default=1000, help="times a word has to occur (default 1000)")
    lexicon.add_argument("--out", required=True, help="JSON file for aio.attributes.lexicon")
    _add_tools(command)
    command("config", _config, "list every key of the `aio` config node")
    return parser


def _add_tools(command: Callable[..., argparse.ArgumentParser]) -> None:
    synthesize = command("synthesize", _synthesize, "draw the sketches a config needs; exit code 1: some cannot be")
    synthesize.add_argument("--shard", default="1/1", help="I/N: only the I-th of N parts, for N processes or machines")
    synthesize.add_argument("--workers", type=int, default=0, help="photos at a time (default 0: one a core)")
    host_main.add_arguments(synthesize)
    extract = command("extract", _extract, "features of a target or of a manifest, into .npy files")
    extract.add_argument("--weights", required=True, help="checkpoint, or .safetensors of `export`")
    extract.add_argument("--list", required=True, help="a target as data.targets names it, or a manifest file")
    extract.add_argument("--query", default="", help="modalities of the query, for example rgb+text; as @ in a target")
    extract.add_argument("--out", required=True, help="folder to write to; what is begun there is gone on with")
    extract.add_argument("--dtype", default="float32", choices=("float16", "float32"), help="of the features on disk")
    host_main.add_arguments(extract)
    export = command("export", _export, "weights as .safetensors with a model card beside them, or back")
    export.add_argument("--weights", required=True, help="checkpoint; with --back a .safetensors file")
    export.add_argument("--out", required=True, help="file to write")
    export.add_argument("--back", action="store_true", help="make a torchreid checkpoint of a .safetensors file")
    host_main.add_arguments(export)


def _synthesize(args: argparse.Namespace) -> int:
    from .tools.synthesize import run

    return run(args)


def _extract(args: argparse.Namespace) -> None:
    from .tools.extract import run

    run(args)


def _export(args: argparse.Namespace) -> None:
    from .tools.export import run

    run(args)


def _run(args: argparse.Namespace) -> None:
    run_script(args.script, args.arguments)


def _toy(args: argparse.Namespace) -> None:
    from .toy.layouts import make

    make(args.root, args.ids, args.seed, sets=args.sets)


def _doctor(args: argparse.Namespace) -> int:
    from .tools.doctor import conclusion, examine

    problems = 0
    for block in examine(args.root, args.fast):
        print(f"{block}\n", flush=True)
        problems += len(block.problems)
    print(conclusion(problems))
    return 1 if problems else 0


def _lexicon(args: argparse.Namespace) -> None:
    from .tools.lexicon import write_lexicon

    print(f"{len(write_lexicon(args.root, args.least, args.out))} words written to {args.out}")


def _config(args: argparse.Namespace) -> None:
    for key in KEYS:
        _print_key(key.name, key.default, key.about)
    for name, adapter in ADAPTERS.items():
        for option, default in adapter.options.items():
            _print_key(f"datasets.{name}.{option}", default, adapter.about[option])


def _print_key(name: str, default: object, about: str) -> None:
    print(f"aio.{name}: {default!r}\n    {about}")


if __name__ == "__main__":
    sys.exit(main())
