"""Speed and memory of training, inference and loading.

    python -m benchmarks.speed --size tiny          # on a CPU
    python -m benchmarks.speed --size vit_b16       # on a GPU
    python -m benchmarks.speed --markdown benchmarks/results/speed_<machine>.json

What is compared is measured in turn in one process, and medians are reported; memory in a fresh process each.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import torch

from aio_plugin.evaluation.results import write_json
from aio_plugin.training.optimisation import PRECISIONS

from ..result_files import provenance
from . import training
from .inference import inference
from .loading import loading
from .meter import ceiling
from .problem import CAPTIONS, SIZES
from .table import details, markdown
from .ways import CHECKPOINTED, COMPILED, OURS, PLAIN, TRAINED, WAYS

RESULTS = Path(__file__).parents[1] / "results"
PARTS = ("scaling", "inference", "loading", "profile")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="tiny")
    parser.add_argument("--runs", type=int, default=9, help="measurements that the median is of")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=[OURS, CHECKPOINTED, PLAIN, TRAINED])
    parser.add_argument("--compile", action="store_true", help=f"{COMPILED} too, which needs a compiler")
    parser.add_argument(
        "--parts", nargs="*", choices=PARTS, default=list(PARTS), help="what to measure beside training"
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE.json", help="print the tables of a file, measure nothing"
    )
    parser.add_argument("--memory-of", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.markdown:
        _print(json.loads(args.markdown.read_text()))
        return
    if SIZES[args.size].device == "cuda" and not torch.cuda.is_available():
        raise SystemExit(f"Size {args.size} needs a GPU that torch sees; on a CPU measure --size tiny.")
    if args.memory_of:
        print(json.dumps(training.memory(args.size, args.memory_of)))
        return
    document = json.loads(json.dumps(measure(args)))  # numbers as keys become text, as in the file
    machine = _name(document["hardware"], document["setting"]["device"])
    out = args.out or RESULTS / f"speed_{machine}.json"
    write_json(document, out)
    _print(document)
    print(f"Written to {out}", file=sys.stderr)


def _print(document: dict[str, Any]) -> None:
    print(f"{markdown(document)}\n\n{details(document)}")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    size = SIZES[args.size]
    ways = [*args.ways, *([COMPILED] if args.compile and COMPILED not in args.ways else [])]
    document: dict[str, Any] = {
        "command": "python -m benchmarks.speed " + " ".join(sys.argv[1:]),
        **provenance(),
        "threads": torch.get_num_threads(),
        "setting": {
            "model": size.model,
            "image": list(size.image),
            "batch": size.batch,
            "classes": size.classes,
            "captions": list(CAPTIONS),
            "precision": size.precision,
            "device": size.device,
            "runs": args.runs,
        },
        "load_before": list(os.getloadavg()),
    }
    before = ceiling(size.device, PRECISIONS[size.precision])
    document["training"] = _tell("training", lambda: training.compare(args.size, ways, args.runs))
    document["ceiling_flops_per_second"] = max(before, ceiling(size.device, PRECISIONS[size.precision]))
    parts = {
        "scaling": lambda: training.scaling(args.size, ways, max(args.runs // 3, 1)),
        "inference": lambda: inference(args.size, args.runs),
        "loading": lambda: loading(size.image, args.runs),
        "profile": lambda: {way: training.profile_of(args.size, way) for way in (PLAIN, OURS)},
    }
    document.update({part: _tell(part, parts[part]) for part in args.parts})
    return document


def _tell(part: str, run: Any) -> Any:
    print(f"{part} ...", file=sys.stderr, flush=True)
    return run()


def _name(machine: dict[str, Any], device: str) -> str:
    """For a file name: the GPU, or the number of cores."""
    if device == "cuda":
        return re.sub(r"\W+", "_", machine["gpus"][0]).strip("_").lower()
    return f"{machine['cores']}_cores"


if __name__ == "__main__":
    main()
