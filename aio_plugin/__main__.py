"""The command line: ``python -m aio_plugin COMMAND`` or ``aio-reid COMMAND``."""

from __future__ import annotations

import argparse
import errno
import functools
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from .errors import AIOError, printable
from .host import main as host_main
from .host.launch import run_script
from .modality import BUILT_IN
from .models.specs import SPECS
from .registry import import_plugins
from .tools.filter_options import add_filter_options

Command = Callable[[argparse.Namespace], "int | None"]

CLOSED_PIPE = 141
"""Exit code of a command whose reader has gone, as in ``aio-reid config | head``: that of a shell for SIGPIPE."""

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
"""What the system says where a command cannot write its log, say."""

INTERRUPTED, TERMINATED = 130, 143
"""Exit codes of a command that was interrupted or terminated: those of a shell for SIGINT and SIGTERM."""


class _Terminated(KeyboardInterrupt):
    """SIGTERM: it ends a command as Ctrl-C does, which removes temporary files and ends workers."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code: 2 for a user's mistake, 1 where the command reports problems."""
    args = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files can be in letters that the terminal's encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    command: Command = args.command
    try:
        with _terminated():
            import_plugins(args.plugin)
            code = command(args)
            sys.stdout.flush()
    except AIOError as error:
        if os.environ.get("AIO_DEBUG"):
            raise
        print(f"aio-reid: {error}", file=sys.stderr)
        return 2
    except _Terminated:
        print("aio-reid: terminated", file=sys.stderr)
        return TERMINATED
    except KeyboardInterrupt:
        print("aio-reid: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        try:
            print(flush=True)  # whether it is standard output that nobody reads
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes again when it exits
            return CLOSED_PIPE
        raise
    except OSError as error:
        if os.environ.get("AIO_DEBUG") or error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        remedy = "set AIO_DEBUG=1 for the traceback"
        if error.errno in UNWRITABLE:
            remedy = "Free disk space, or choose a folder that can be written"
        print(f"aio-reid: {printable(where)}{error.strerror} ({remedy})", file=sys.stderr)
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

    main = command("main", "train or test from a config file, like torchreid's script", host_main.run_main)
    host_main.add_arguments(main)
    about = "run torchreid's scripts/main.py, or your own script, with this package registered"
    option = command("run", about, lambda args: run_script(args.script, args.arguments)).add_argument
    option("script", help="path of the script")
    option("arguments", nargs=argparse.REMAINDER, help="arguments of the script")
    option = command("toy", "write a small synthetic world in the layouts of the real datasets", _toy).add_argument
    option("--root", required=True, help="folder to write to; data.root of the configs")
    option("--ids", type=int, default=300, help="number of persons (default 300)")
    option("--seed", type=int, default=0, help="random seed (default 0)")
    option("--sets", default="aio", help="datasets to write: those of the configs of aio (default), dmf or all")
    option = command("doctor", "check the installation and the datasets; exit code 1: a problem").add_argument
    option("--root", help="data root, the folder that contains the datasets' folders; without: no datasets")
    option("--fast", action="store_true", help="do not open images")
    option = command("lexicon", "make an attribute lexicon from the attributes of SYNTH-PEDES").add_argument
    option("--root", required=True, help="data root, the folder that contains SYNTH-PEDES")
    option("--least", type=int, default=1000, help="minimum occurrences of a word (default 1000)")
    option("--out", required=True, help="JSON file for aio.attributes.lexicon")
    option = command("explain", "show the worst queries of a result and their rankings").add_argument
    option("results", help="results/<target>.json or results.json of a run")
    option("--worst", type=int, help="queries of the lowest AP to show (default 20, 0 with --best)")
    option("--best", type=int, default=0, help="queries of the highest AP to show (default 0)")
    option("--top", type=int, default=10, help="gallery items of each query (default 10, the most kept)")
    option("--html", help="write a page with pictures to this file")
    option("--root", help="data root for the pictures (default: data.root of the run)")
    synthesize = command("synthesize", "draw the sketches that a config needs; exit code 1: a photo cannot be read")
    synthesize.add_argument("--shard", default="1/1", help="I/N: part I of N, to divide the work (default 1/1)")
    synthesize.add_argument("--workers", type=int, default=0, help="parallel workers (default 0: one per core)")
    extract = command("extract", "write features of a target or a manifest to .npy files")
    option = extract.add_argument
    option("--weights", required=True, help="checkpoint, or .safetensors of `export`")
    option("--list", required=True, help="target as in data.targets, or manifest file")
    option("--query", default="", help="modalities of the query, for example rgb+text; as @ in a target")
    option("--out", required=True, help="folder to write to; a partial run there is resumed")
    option("--dtype", default="float32", choices=("float16", "float32"), help="of the features on disk")
    export = command("export", "write weights as .safetensors with a model card, or back")
    export.add_argument("--weights", required=True, help="checkpoint; with --back a .safetensors file")
    export.add_argument("--out", required=True, help="file to write")
    export.add_argument("--back", action="store_true", help="make a torchreid checkpoint from a .safetensors file")
    for configured in (synthesize, extract, export):
        host_main.add_arguments(configured)
    index = command("index", "bring pictures into an index to search; exit code 1: some could not be indexed")
    option = index.add_argument
    option("--out", required=True, help="the index, NAME.lance; made if there is none, else added to")
    option("--weights", help="a run's folder, checkpoint or exported weights; with --images")
    option("--images", help="folder, list (.txt) or manifest (.csv, .jsonl) to add; a partial run is resumed")
    option("--root", default="", help="folder that all pictures lie below (default: that of --images, when made)")
    option("--pattern", help="what paths say, for example {camera}_{time:%%Y%%m%%d-%%H%%M%%S}_{track}.jpg")
    option("--modality", default="rgb", help="of the pictures (default rgb)")
    option("--delete", action="store_true", help="delete the rows that the options below name")
    option("--prune", action="store_true", help="delete the rows of pictures that are gone or have changed")
    option("--ray", type=int, default=0, help="encode by so many workers of a Ray cluster (extra [cluster])")
    option("--ann", action="store_true", help="build the approximate index anew; for some hundred thousand rows")
    option("--device", default="", help="cpu, cuda or cuda:1 (default: cuda if there is one)")
    option("--batch-size", type=int, default=100, help="pictures encoded together (default 100)")
    option("--workers", type=int, help="processes that read pictures (default 4 with a GPU, else 0)")
    add_filter_options(index)
    search = command("search", "find a person in an index, by any mix of photo, infrared, drawing and words")
    option = search.add_argument
    option("--index", required=True, help="the index, NAME.lance")
    option("--weights", help="the model that made it; not needed where only --like and --unlike ask")
    for modality in BUILT_IN:
        what = "captions" if modality == "TEXT" else "images"
        several = "; of several the mean feature is taken" if modality == "RGB" else ""
        option(f"--{modality.lower()}", nargs="+", default=[], metavar="X", help=f"{what} of the person{several}")
    option("--media", action="append", default=[], metavar="MODALITY=FILE", help="a medium of a further modality")
    option("--like", nargs="+", default=[], metavar="ID", help="more like these pictures of the index: ids or paths")
    option("--unlike", nargs="+", default=[], metavar="ID", help="less like these, which are not found")
    option("--top", type=int, default=20, help="hits (default 20)")
    option("--group", default="", help="track, person or a column: the best picture of each stands for it")
    option("--rerank", type=int, default=0, metavar="K", help="re-rank the best K by k-reciprocal neighbours (0: none)")
    option("--contributions", action="store_true", help="show what each part of the query adds (leave-one-out)")
    option("--json", action="store_true", help="print JSON instead of a table")
    option("--html", help="write a page with pictures to this file")
    option("--root", default="", help="folder that the pictures lie below (default: where they were when indexed)")
    option("--device", default="", help="cpu, cuda or cuda:1 (default: cuda if there is one)")
    option("--calibration", help="file of `calibrate` (default: the one beside the index or the weights)")
    add_filter_options(search)
    judge = command("calibrate", "from labelled pairs: probabilities, and the threshold of one person")
    option = judge.add_argument
    option("--index", help="pairs of an index's pictures whose pid is known")
    option("--pairs", help="CSV file with the columns a, b (paths) and same (1 or 0)")
    option("--features", help="pairs of a target: the folder of `extract`")
    option("--weights", help="the model; not needed with --index")
    option("--far", type=float, default=1e-3, help="share of the pairs of two people to accept (default 0.001)")
    option("--ignore", nargs="+", default=[], metavar="PID", help="with --index: pids of no person, such as -1 0000")
    option("--modality", default="rgb", help="of the pictures of --pairs (default rgb)")
    option("--root", default="", help="folder that the paths of --pairs lie below (default: that of the file)")
    option("--out", default="", help="file to write (default: beside the weights, without these beside the index)")
    option("--device", default="", help="cpu, cuda or cuda:1 (default: cuda if there is one)")
    add_filter_options(judge)
    group = command("group", "put the pictures of an index together into people, without knowing who they are")
    option = group.add_argument
    option("--index", required=True, help="the index, NAME.lance")
    option("--csv", help="file to write: a line for every picture")
    option("--html", help="write a page with pictures to this file")
    option("--method", default="neighbours", choices=("neighbours", "hdbscan"), help="(default neighbours)")
    option("--threshold", type=float, help="cosine that links two (default: that of the calibration)")
    option("--neighbours", type=int, default=5, help="nearest neighbours that can be linked (default 5)")
    option("--calibration", help="file of `calibrate` (default: the one beside the index)")
    option("--pictures", action="store_true", help="group single pictures also where tracks are known")
    option("--ignore", nargs="+", default=[], metavar="PID", help="pids of no person, not scored, such as -1 0000")
    option("--root", default="", help="folder that the pictures lie below (default: where they were when indexed)")
    add_filter_options(group)
    command("config", "list every key of the `aio` config node").add_argument(
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


def _toy(args: argparse.Namespace) -> None:
    from .toy.layouts import make

    make(args.root, args.ids, args.seed, sets=args.sets)


@contextmanager
def _terminated() -> Iterator[None]:
    """Let SIGTERM raise :class:`_Terminated`; not under torchrun, whose processes may wait for each other in C."""

    def terminate(*_: object) -> None:
        raise _Terminated

    if "TORCHELASTIC_RUN_ID" in os.environ or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
