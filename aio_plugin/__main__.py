"""The command line: ``python -m aio_plugin COMMAND`` or ``aio-reid COMMAND``."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from .errors import AIOError
from .host import main as host_main
from .host.launch import run_script
from .models.specs import SPECS
from .registry import import_plugins

Command = Callable[[argparse.Namespace], "int | None"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code: 2 for a user's mistake, 1 where the command reports problems."""
    args = _parser().parse_args(arguments)
    command: Command = args.command
    try:
        import_plugins(args.plugin)
        code = command(args)
    except AIOError as error:
        if os.environ.get("AIO_DEBUG"):
            raise
        print(f"aio-reid: {error}", file=sys.stderr)
        return 2
    return code or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("aio-reid", description="All-in-One multimodal person re-identification.")
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE_OR_MODULE",
        help="Python file or module to import first, whose calls of aio_plugin.register_... add datasets, encoders, "
        "modalities or losses; repeatable, and the environment variable AIO_PLUGINS does the same",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, about: str, run: Command | None = None) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=about, description=about)
        sub.set_defaults(command=run or functools.partial(_run_tool, name))
        return sub

    about = "train or test from a config file, like torchreid's script"
    host_main.add_arguments(command("main", about, host_main.run_main))
    run = command("run", "run torchreid's scripts/main.py, or your own script, with this package registered", _run)
    run.add_argument("script", help="path of the script")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the script")
    toy = command("toy", "write a small synthetic world in the layouts of the real datasets", _toy)
    toy.add_argument("--root", required=True, help="folder to write to; data.root of the configs")
    toy.add_argument("--ids", type=int, default=300, help="number of persons (default 300)")
    toy.add_argument("--seed", type=int, default=0, help="random seed (default 0)")
    toy.add_argument(
        "--sets", default="aio", help="datasets to write: those of the configs of aio (default), dmf or all"
    )
    doctor = command("doctor", "check the installation and the datasets; exit code 1: a problem")
    doctor.add_argument(
        "--root", help="data root, the folder that contains the datasets' folders; without: no datasets"
    )
    doctor.add_argument("--fast", action="store_true", help="do not open images")
    lexicon = command("lexicon", "make an attribute lexicon from the attributes of SYNTH-PEDES")
    lexicon.add_argument("--root", required=True, help="data root, the folder that contains SYNTH-PEDES")
    lexicon.add_argument("--least", type=int, default=1000, help="minimum occurrences of a word (default 1000)")
    lexicon.add_argument("--out", required=True, help="JSON file for aio.attributes.lexicon")
    explain = command("explain", "show the worst queries of a result and their rankings")
    explain.add_argument("results", help="results/<target>.json or results.json of a run")
    explain.add_argument("--worst", type=int, help="queries of the lowest AP to show (default 20, 0 with --best)")
    explain.add_argument("--best", type=int, default=0, help="queries of the highest AP to show (default 0)")
    explain.add_argument("--top", type=int, default=10, help="gallery items of each query (default 10, the most kept)")
    explain.add_argument("--html", help="write a page with pictures to this file")
    explain.add_argument("--root", help="data root for the pictures (default: data.root of the run)")
    synthesize = command("synthesize", "draw the sketches that a config needs; exit code 1: a photo cannot be read")
    synthesize.add_argument("--shard", default="1/1", help="I/N: part I of N, to divide the work (default 1/1)")
    synthesize.add_argument("--workers", type=int, default=0, help="parallel workers (default 0: one per core)")
    host_main.add_arguments(synthesize)
    extract = command("extract", "write features of a target or a manifest to .npy files")
    extract.add_argument("--weights", required=True, help="checkpoint, or .safetensors of `export`")
    extract.add_argument("--list", required=True, help="target as in data.targets, or manifest file")
    extract.add_argument("--query", default="", help="modalities of the query, for example rgb+text; as @ in a target")
    extract.add_argument("--out", required=True, help="folder to write to; a partial run there is resumed")
    extract.add_argument("--dtype", default="float32", choices=("float16", "float32"), help="of the features on disk")
    host_main.add_arguments(extract)
    export = command("export", "write weights as .safetensors with a model card, or back")
    export.add_argument("--weights", required=True, help="checkpoint; with --back a .safetensors file")
    export.add_argument("--out", required=True, help="file to write")
    export.add_argument("--back", action="store_true", help="make a torchreid checkpoint from a .safetensors file")
    host_main.add_arguments(export)
    config = command("config", "list every key of the `aio` config node")
    config.add_argument(
        "--yaml",
        nargs="?",
        const="aio_vit_b16",
        choices=[name for name, spec in SPECS.items() if spec.encoder],
        help="print a complete config file of this model instead (default aio_vit_b16)",
    )
    return parser


def _run_tool(name: str, args: argparse.Namespace) -> int | None:
    """Run ``tools.<name>.run_<name>``, whose module is not imported before."""
    run: Command = getattr(import_module(f".tools.{name}", __package__), f"run_{name}")
    return run(args)


def _run(args: argparse.Namespace) -> None:
    run_script(args.script, args.arguments)


def _toy(args: argparse.Namespace) -> None:
    from .toy.layouts import make

    make(args.root, args.ids, args.seed, sets=args.sets)


if __name__ == "__main__":
    sys.exit(main())
