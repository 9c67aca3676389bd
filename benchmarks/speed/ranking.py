"""Our streamed ranking beside torchreid's Cython evaluator: seconds, memory, and whether they agree.

Both go from random float32 features to CMC and mAP, in turn in one process; medians are reported. Extra memory is how
far the peak of a fresh process rises over its size with the features in it.

    python -m benchmarks.speed.ranking --cython FOLDER

FOLDER holds torchreid's evaluator, ``rank_cy``, compiled; it need not where the installed torchreid has it. To make it:

    git clone https://github.com/KaiyangZhou/deep-person-reid && cd deep-person-reid/torchreid/metrics/rank_cylib
    pip install cython setuptools && python setup.py build_ext --inplace
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aio_plugin.host.torchreid_import import distribution, import_torchreid
from aio_plugin.metrics import evaluate_features

from ..result_files import REPOSITORY, provenance

RESULTS = Path(__file__).parents[1] / "results"
DIMENSION = 512
MAX_RANK = 50


@dataclass(frozen=True)
class Size:
    """A dataset's test split by its numbers; ``chunk`` queries at a time for torchreid, 0 for all at once."""

    queries: int
    gallery: int
    people: int
    cameras: int
    chunk: int = 0


SIZES = {
    "market1501": Size(3_368, 15_913, 751, 6),
    "msmt17": Size(11_659, 82_161, 3_060, 15, chunk=512),
    "small": Size(700, 3_000, 150, 6, chunk=256),  # to try the benchmark itself
}


class Problem:
    """Random features, identities and cameras of a size."""

    def __init__(self, size: Size) -> None:
        generator = torch.Generator().manual_seed(0)
        rng = np.random.default_rng(0)
        self.size = size
        counts = size.queries, size.gallery
        self.features = [torch.randn(count, DIMENSION, generator=generator) for count in counts]
        self.pids = [rng.integers(0, size.people, count) for count in counts]
        self.camids = [rng.integers(0, size.cameras, count) for count in counts]

    def ours(self) -> tuple[np.ndarray[Any, Any], float]:
        """CMC and mAP."""
        found = evaluate_features(*self.features, *self.pids, *self.camids, max_rank=MAX_RANK)
        return found.cmc.numpy(), found.mAP

    def torchreids(self) -> tuple[np.ndarray[Any, Any], float]:
        """CMC and mAP; of chunks the mean over their valid queries."""
        metrics = import_torchreid().metrics
        chunk = self.size.chunk or self.size.queries
        cmc, mean, valid = np.zeros(MAX_RANK), 0.0, 0
        for start in range(0, self.size.queries, chunk):
            rows = slice(start, start + chunk)
            matrix = metrics.compute_distance_matrix(self.features[0][rows], self.features[1], "cosine").numpy()
            labels = self.pids[0][rows], self.pids[1], self.camids[0][rows], self.camids[1]
            found = metrics.evaluate_rank(matrix, *labels, max_rank=MAX_RANK)
            number = self.valid(rows)
            cmc, mean, valid = cmc + number * found[0], mean + number * found[1], valid + number
        return cmc / valid, float(mean / valid)

    def valid(self, rows: slice) -> int:
        """Queries with a match under another camera."""
        cameras: dict[int, set[int]] = {}
        for pid, camid in zip(self.pids[1].tolist(), self.camids[1].tolist(), strict=True):
            cameras.setdefault(pid, set()).add(camid)
        wanted = zip(self.pids[0][rows].tolist(), self.camids[0][rows].tolist(), strict=True)
        return sum(bool(cameras.get(pid, set()) - {camid}) for pid, camid in wanted)


def use_cython(folder: Path | None) -> None:
    """Give torchreid its compiled evaluator."""
    rank = sys.modules[import_torchreid().metrics.evaluate_rank.__module__]
    if folder is not None:
        sys.path.insert(0, str(folder.resolve()))
        from rank_cy import evaluate_cy

        rank.evaluate_cy, rank.IS_CYTHON_AVAI = evaluate_cy, True
    if not rank.IS_CYTHON_AVAI:
        raise SystemExit("torchreid's Cython evaluator is not compiled: `python -m benchmarks.speed.ranking --help`.")


def seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def extra_memory(name: str, who: str, cython: Path | None) -> float:
    """MiB by which the peak of a fresh process rises while it ranks."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.speed.ranking", "--sizes", name, "--memory-of", who]
    command += ["--cython", str(cython)] if cython else []
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return float(done.stdout.split()[-1])


def rise(problem: Problem, who: str) -> float:
    """As :func:`extra_memory`, of this process. Linux."""

    def status(key: str) -> int:
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(lines[key].split()[0])

    warm = Problem(SIZES["small"])  # libraries and threads take their own memory once
    getattr(warm, who)()
    del warm
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = status("VmRSS")
    getattr(problem, who)()
    return (status("VmHWM") - before) / 1024


def compare(name: str, runs: int, cython: Path | None) -> dict[str, Any]:
    """Both on one size."""
    problem = Problem(SIZES[name])
    times: dict[str, list[float]] = {"torchreids": [], "ours": []}
    found = {}
    for number in range(runs):
        for who, list_ in times.items():
            spent, found[who] = seconds(getattr(problem, who))
            list_.append(round(spent, 3))
            print(f"{name} {number + 1}/{runs} {who}: {spent:.2f} s", file=sys.stderr, flush=True)
    medians = {who: statistics.median(each) for who, each in times.items()}
    memory = {who: round(extra_memory(name, who, cython), 1) for who in times}
    size = problem.size
    return {
        "queries": size.queries,
        "gallery": size.gallery,
        "dimension": DIMENSION,
        "people": size.people,
        "torchreid_chunk": size.chunk or None,
        "torchreid": {"seconds": medians["torchreids"], "runs": times["torchreids"], "extra_mib": memory["torchreids"]},
        "aio_plugin": {"seconds": medians["ours"], "runs": times["ours"], "extra_mib": memory["ours"]},
        "times_faster": round(medians["torchreids"] / medians["ours"], 2),
        "memory_ratio": round(memory["ours"] / memory["torchreids"], 4),
        "largest_difference": {
            "cmc": float(np.abs(found["ours"][0] - found["torchreids"][0]).max()),
            "mAP": abs(found["ours"][1] - found["torchreids"][1]),
        },
        "mAP": found["ours"][1],
    }


def ties(name: str) -> dict[str, Any]:
    """Features of few whole numbers: exact distances, mostly tied. torchreid is given the ranks of a stable sort."""
    problem = Problem(SIZES[name])
    query, gallery = (each.round()[:, :16] for each in problem.features)
    labels = *problem.pids, *problem.camids
    ours = evaluate_features(query, gallery, *labels, metric="euclidean", normalise=False, max_rank=MAX_RANK)
    matrix = import_torchreid().metrics.compute_distance_matrix(query, gallery, "euclidean").numpy()
    tied = float(np.mean([1 - len(np.unique(row)) / len(row) for row in matrix[:64]]))
    ranks = np.empty_like(matrix)
    for row, distances in zip(ranks, matrix, strict=True):
        row[np.argsort(distances, kind="stable")] = np.arange(len(row))
    cmc, mean = import_torchreid().metrics.evaluate_rank(ranks, *labels, max_rank=MAX_RANK)
    return {
        "size": name,
        "distances_with_a_twin": round(tied, 3),
        "largest_difference": {"cmc": float(np.abs(ours.cmc.numpy() - cmc).max()), "mAP": abs(ours.mAP - float(mean))},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cython", type=Path, metavar="FOLDER", help="where rank_cy is")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["market1501", "msmt17"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--memory-of", choices=["ours", "torchreids"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    use_cython(args.cython)
    if args.memory_of:
        with contextlib.redirect_stdout(sys.stderr):
            found = rise(Problem(SIZES[args.sizes[0]]), args.memory_of)
        print(found)
        return
    document = {
        "command": "python -m benchmarks.speed.ranking --cython FOLDER",
        **provenance(),
        "threads": torch.get_num_threads(),
        "torchreid": distribution(),
        "sizes": {name: compare(name, args.runs, args.cython) for name in args.sizes},
        "ties": ties("market1501" if "market1501" in args.sizes else args.sizes[0]),
    }
    out = args.out or RESULTS / f"ranking_{document['hardware']['cores']}_cores.json"
    out.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps({key: document[key] for key in ("sizes", "ties")}, indent=2))
    print(f"Written to {out}")


if __name__ == "__main__":
    main()
