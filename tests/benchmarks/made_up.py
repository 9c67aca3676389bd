"""Result documents in the real schema, and tables made of them, without a run."""

import functools
import zlib
from pathlib import Path
from types import SimpleNamespace

import yaml

from aio_plugin.evaluation.results import document, file_name, target_entry, validate, write_json
from aio_plugin.evaluation.score import Result, TrialResult
from benchmarks.paper_tables import documents
from benchmarks.paper_tables.documents import CellValues, Document

REPO = Path(__file__).parents[2]
WORLD = {"ids": 40, "seed": 0, "sets": "all", "version": 3}
HARDWARE = {"platform": "Linux", "processor": "a processor", "cores": 2, "gpus": []}


class Commands:
    """Stands in for the command line: writes what it would, and keeps what was asked."""

    def __init__(self):
        self.asked = []
        self.dies_after = None

    def __call__(self, line, log, lock, tell):
        values = line[line.index("--config-file") + 2 :]
        settings = dict(zip(values[::2], values[1::2], strict=True))
        self.asked.append(settings)
        place = Path(settings["data.save_dir"])
        place = place if place.is_absolute() else REPO / place
        if settings.get("test.evaluate") != "True":
            checkpoint = place / "model" / "last.pth.tar"
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            checkpoint.write_bytes(b"weights")
        seed = int(settings.get("train.seed", 1))
        rank1 = (zlib.crc32(place.name.encode()) % 50 + seed) / 100  # another run, another number, always the same
        variants = [result(rank1 / 2, protocol="text, original gallery, nothing removed")]
        found = {target: result(rank1, variants=variants) for target in yaml.safe_load(settings["data.targets"])}
        for number, (target, each) in enumerate(found.items()):
            if number == self.dies_after:
                return 1, "killed"
            write_json(result_document({target: each}, seed), place / "results" / f"{file_name(target)}.json")
        write_json(result_document(found, seed), place / "results.json")
        return 0, ""


def result(rank1, mean_ap=0.4, protocol="a protocol", variants=(), queries=10):
    """A result whose Rank-1 and mAP are as given."""
    numbers = {"mAP": mean_ap, "mINP": 0.2, "num_valid": queries, "num_query": queries, "chance": 0.1, "measures": {}}
    trial = TrialResult(
        SimpleNamespace(name="the one", gallery=range(20)), SimpleNamespace(rank=lambda k: rank1, **numbers)
    )
    definition = {"kind": "WholeGallery", "dataset": protocol, "removal": "none", "cmc": "image"}
    protocol = SimpleNamespace(name=protocol, cmc="image", definition=lambda: definition)
    return Result(protocol, (), (), "cosine", False, (1, 5, 10, 20), (trial,), tuple(variants))


def result_document(targets, seed=1, notes=(), leaks=(), synthetic=()):
    """A result document of ``targets``, target -> Result."""
    entries = [
        target_entry(name, "x -> rgb", {"after": found}, notes, synthetic, leaks) for name, found in targets.items()
    ]
    made = {**_template(), "targets": entries, "seed": seed, "config": {"train": {"seed": seed}}}
    validate(made)
    return made


@functools.cache
def _template():
    made = document(
        [],
        config={},
        seed=0,
        torchreid="torchreid 0.2.5",
        encoder={"name": "toy", "sha256": "0" * 64},
        sketcher="edges",
        seconds=1.0,
    )
    return {**made, "commit": "c" * 40, "created": "2026-01-01T00:00:00+00:00", "hardware": HARDWARE}


def run(seed=1):
    """A run as a table keeps it."""
    return documents.run_of(result_document({}, seed))


def table_document(table, scale="real", values=None, why=None, notes=()):
    """A table's document: ``values`` of (row, column) are one tuple of numbers a seed; other cells say ``why``."""
    values = values or {}
    cells = {}
    for row, column, _ in table:
        found = values.get((row, column))
        if found:
            keys = tuple(f"run-{seed}" for seed in range(1, len(found) + 1))
            cells[row, column] = CellValues(tuple(map(tuple, found)), keys, notes=tuple(notes))
        else:
            cells[row, column] = CellValues(why=why or "no data")
    most = max((len(found) for found in values.values()), default=0)
    return Document(
        table.name,
        scale,
        None if scale == "real" else WORLD,
        "python -m benchmarks.paper_tables",
        "2026-01-01T00:00:00+00:00",
        table.metrics,
        table.unit,
        cells,
        {f"run-{seed}": run(seed) for seed in range(1, most + 1)},
    )
