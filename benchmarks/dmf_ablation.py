"""DMF's ablation: what pre-training on text, on images and on both brings on domains that were never trained on.

    python -m aio_plugin toy --root data/toy-dmf --sets dmf
    python -m benchmarks.dmf_ablation --root data/toy-dmf

On real data:

    python -m benchmarks.dmf_ablation --root DIR --name market1501 --pretrain configs/dmf_vit_b16_pretrain.yaml \\
        --finetune configs/dmf_vit_b16_market1501.yaml

Every arm is fine-tuned and tested alike; "none" starts from the encoder as it is. Finished runs are reused and a
killed one goes on (see benchmarks/runs.py).
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aio_plugin.evaluation.results import COLUMNS

from .runs import REPOSITORY, Run, save

ARMS: Mapping[str, Mapping[str, Any] | None] = {
    "none": None,
    "text": {"aio.dmf.input": "text"},
    "image": {"aio.modalities": "['rgb']"},
    "text + image": {},
}
"""What stage one is trained with, over its config; None = there is no stage one."""

METRICS = ("rank-1", "mAP")
AFTER = COLUMNS[-1]
Numbers = dict[str, float]


def measure(arm: str, seed: int, args: argparse.Namespace) -> list[dict[str, Any]]:
    """The targets of stage two's result."""
    label = arm.replace(" ", "")
    common = {"data.root": args.root, "train.seed": seed} | dict(zip(args.set[::2], args.set[1::2], strict=True))
    start: Any = "''"
    settings = ARMS[arm]
    if settings is not None:
        first = Run(f"{args.name}-{label}-{seed}-one", args.pretrain, common | dict(settings), args.out)
        first.result()
        start = first.checkpoint
    second = Run(f"{args.name}-{label}-{seed}-two", args.finetune, common | {"aio.dmf.start": start}, args.out)
    found = second.result()
    return [{**each, "document": found} for each in found["targets"]]


def summary(runs: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, Numbers]]:
    """target -> metric -> mean and standard deviation over the seeds, and every seed's own."""
    found: dict[str, dict[str, Any]] = {}
    for index, target in enumerate(runs[0]):
        means = [run[index]["results"][AFTER]["mean"] for run in runs]
        found[target["target"]] = {
            metric: {
                "mean": statistics.fmean(mean[metric] for mean in means),
                "std": statistics.stdev(mean[metric] for mean in means) if len(means) > 1 else 0.0,
                "seeds": [mean[metric] for mean in means],
            }
            for metric in (*METRICS, "chance")
        }
    return found


def table(arms: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: an arm a row, a target a column, Rank-1 / mAP in percent with the deviation over seeds."""
    targets = list(next(iter(arms.values())))
    lines = ["| pre-training | " + " | ".join(targets) + " |", "|---|" + "---|" * len(targets)]
    for arm, found in arms.items():
        cells = [" / ".join(_percent(found[target][metric]) for metric in METRICS) for target in targets]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _percent(numbers: Mapping[str, float]) -> str:
    return f"{100 * numbers['mean']:.1f} ± {100 * numbers['std']:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="the folder of the datasets")
    parser.add_argument("--pretrain", type=Path, default=REPOSITORY / "configs/dmf_tiny_toy_pretrain.yaml")
    parser.add_argument("--finetune", type=Path, default=REPOSITORY / "configs/dmf_tiny_toy.yaml")
    parser.add_argument("--name", default="toy", help="of the runs and the result, results/dmf_ablation_<name>.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--out", type=Path, default=Path("log/dmf_ablation"), help="the folder of the runs")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY VALUE", help="overrides of both configs")
    args = parser.parse_args()
    args.root, args.out = args.root.resolve(), args.out.resolve()
    if len(args.set) % 2:
        parser.error("--set takes pairs of KEY and VALUE")
    runs: dict[str, list[Any]] = {arm: [] for arm in args.arms}
    for seed in args.seeds:
        for arm in args.arms:
            runs[arm].append(measure(arm, seed, args))
    arms = {arm: summary(found) for arm, found in runs.items()}
    last = runs[args.arms[-1]][-1][0]["document"]
    save(
        {
            "command": "python -m benchmarks.dmf_ablation"
            + "".join(f" --set {' '.join(args.set)}" if args.set else ""),
            "what": "Rank-1, mAP and chance (fractions) of stage two on unseen domains, by what stage one read",
            "seeds": args.seeds,
            "seconds": {arm: [round(run[0]["document"]["seconds"]) for run in found] for arm, found in runs.items()},
            **{key: last[key] for key in ("config", "commit", "hardware", "packages", "torchreid", "encoder")},
            "arms": arms,
        },
        REPOSITORY / "benchmarks" / "results" / f"dmf_ablation_{args.name}.json",
    )
    print(table(arms))


if __name__ == "__main__":
    main()
