"""What binds modalities from fresh stems: forms of Eq. 6 and InfoNCE, in the same steps of the real runner.

    python -m benchmarks.binding                                       # what results/binding.json lacks
    python -m benchmarks.binding --variants "Eq. 6" --seeds 1 2 3

The toy world of ``make toy-full``, RGB and text alone, 300 steps: where InfoNCE has left chance for long.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aio_plugin.atomic_write import written_whole
from aio_plugin.errors import AIOError
from aio_plugin.host.record import RESULTS
from aio_plugin.registry import PLUGINS
from aio_plugin.toy.layouts import make

from .markdown.formatting import markdown_table
from .paper_tables.documents import RESULTS as FOLDER
from .paper_tables.runs import read_document, result_of
from .result_files import REPOSITORY, provenance

CONFIG = "configs/toy/aio_tiny_toy_full.yaml"
TARGETS = {"R->R": "market1501", "T->R": "cuhk_pedes"}
STATE = {"identity loss": "loss_ce", "mean cosine of other persons' RGB": "cos_rgb", "margin": "margin"}
"""Column -> what the log calls it; the means of the last epoch."""
BASE: Mapping[str, Any] = {
    "data.targets": str(list(TARGETS.values())),
    "data.transforms": "['random_flip', 'pad_crop', 'random_grey']",
    "train.lr": 0.0025,
    "train.base_lr_mult": 0.4,
    "train.max_epoch": 6,
    "aio.stages": "[{'epochs': 6, 'sources': {'synth_pedes': {'quota': 32}}}]",
    "aio.train.steps_per_epoch": 50,
    "aio.train.warmup_epochs": 1.0,
    "aio.train.random_grey": 0.3,
    "aio.loss.fb": 0.0,
    "aio.loss.infonce": 0.0,
    "aio.loss.va": 0.0,
    "aio.tokenizer.start": "fresh",
    "aio.text.start": "fresh",
    "aio.bnneck": "per_modality",
    "aio.test.attributes": False,
    "aio.test.pixels": False,
    "aio.test.report": False,
}
"""Over the config's, which is free to change."""

NCE, EQ6, PRETRAINED = {"aio.loss.infonce": 1.0}, {"aio.loss.fb": 1.0}, {"aio.text.start": "pretrained"}
VARIANTS: Mapping[str, tuple[Mapping[str, Any], int]] = {
    "InfoNCE": (NCE, 3),
    "Eq. 6": (EQ6, 3),
    "neither: identity loss alone": ({}, 1),
    "InfoNCE for 150 steps, then Eq. 6": ({"aio.loss.others.fb_after": 1.0}, 3),
    "Eq. 6 with negatives of the other modality": ({"aio.loss.others.fb_other": 1.0}, 1),
    "Eq. 6, standardised features": ({"aio.loss.others.fb_standardised": 1.0}, 1),
    "Eq. 6, negatives detached": ({"aio.loss.others.fb_detached": 1.0}, 1),
    "Eq. 6, temperature 0.2": ({**EQ6, "aio.loss.tau": 0.2}, 1),
    "InfoNCE, temperature 0.2": ({**NCE, "aio.loss.tau": 0.2}, 1),
    "InfoNCE and Eq. 6": ({**NCE, **EQ6}, 1),
    "InfoNCE with negatives of both modalities": ({"aio.loss.others.nce_both": 1.0}, 1),
    "InfoNCE, text pre-trained": ({**NCE, **PRETRAINED}, 1),
    "Eq. 6, text pre-trained": ({**EQ6, **PRETRAINED}, 1),
    "InfoNCE, batch 64 in two parts": (
        {
            **NCE,
            "train.batch_size": 64,
            "aio.train.accumulate": 2,
            "aio.stages": "[{'epochs': 6, 'sources': {'synth_pedes': {'quota': 64}}}]",
        },
        1,
    ),
}
"""Name -> settings over :data:`BASE` and number of seeds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("data/toy-full"), help="the toy world, made if absent")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, help="default: as many as the table has of each")
    parser.add_argument("--runs", type=Path, default=Path("log/binding"), help="the folder of the runs")
    parser.add_argument("--results", type=Path, default=FOLDER / "binding.json")
    args = parser.parse_args(arguments)
    os.environ[PLUGINS] = "benchmarks.binding_losses"
    root, rows = make(args.root.resolve(), 1000, 0), read(args.results) if args.results.exists() else []
    for variant in args.variants:
        for seed in args.seeds or range(1, 1 + VARIANTS[variant][1]):
            if not any((row["variant"], row["seed"]) == (variant, seed) for row in rows):
                rows.append(measure(variant, seed, root, args.runs.resolve()))
                rows.sort(key=lambda row: (list(VARIANTS).index(row["variant"]), row["seed"]))
                with written_whole(args.results) as file:
                    document = {"command": "python -m benchmarks.binding", **provenance(), "rows": rows}
                    file.write((json.dumps(document, indent=1) + "\n").encode())
    print(markdown(rows))
    return 0


def measure(variant: str, seed: int, root: Path, runs: Path) -> dict[str, Any]:
    """Train ``variant`` and test it: a row of the results.

    Raises:
        AIOError: the run failed.
    """
    folder = runs / f"{variant}, seed {seed}"
    settings = {**BASE, **VARIANTS[variant][0], "train.seed": seed, "data.root": root, "data.save_dir": folder}
    line = [sys.executable, "-W", "ignore", "-m", "aio_plugin", "main", "--config-file", CONFIG]
    line += [str(each) for pair in settings.items() for each in pair]
    log = runs / f"{folder.name}.log"
    runs.mkdir(parents=True, exist_ok=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(log, "w") as out:
        code = subprocess.run(line, cwd=REPOSITORY, stdout=out, stderr=subprocess.STDOUT).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        raise AIOError(f"{variant}, seed {seed} failed; {log} has what it printed.")
    document = read_document(folder / RESULTS)
    return {
        "variant": variant,
        "seed": seed,
        "settings": {**BASE, **VARIANTS[variant][0]},
        "rank-1": {name: result_of(document, target)[1]["mean"]["rank-1"] for name, target in TARGETS.items()},
        "training": document["training"],
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime),
        **{name: document[name] for name in ("created", "commit", "code")},
    }


def read(path: Path) -> list[dict[str, Any]]:
    """The rows at ``path``.

    Raises:
        AIOError: it is missing or cannot be read; names it.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
        return rows
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise AIOError(
            f"{path}: no results that can be read ({error}); make them by python -m benchmarks.binding."
        ) from error


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line a variant: means over its seeds, with the deviation where there are several."""
    head = ("variant", "seeds", *TARGETS, *STATE, "CPU seconds")
    body = []
    for variant in dict.fromkeys(row["variant"] for row in rows):
        own = [row for row in rows if row["variant"] == variant]
        numbers = [[100 * row["rank-1"][name] for row in own] for name in TARGETS]
        numbers += [[row["training"][name] for row in own] for name in STATE.values()]
        digits = [1] * len(TARGETS) + [2, 2, 3]
        cells = [_spread(each, places) for each, places in zip(numbers, digits, strict=True)]
        seconds = statistics.mean(row["cpu_seconds"] for row in own)
        body.append((variant, str(len(own)), *cells, f"{seconds:.0f}"))
    return markdown_table(head, body, "---:")


def _spread(values: Sequence[float], places: int) -> str:
    mean = f"{statistics.mean(values):.{places}f}"
    return f"{mean} ± {statistics.stdev(values):.{places}f}" if len(values) > 1 else mean


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AIOError as error:
        sys.exit(f"benchmarks.binding: {error}")
