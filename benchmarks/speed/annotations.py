"""Seconds and memory to read SYNTH-PEDES's annotations: the first time, and again through the index.

    python -m benchmarks.speed.annotations

A file of the real size is generated in a temporary folder (4 GB, and 3 GB for the index); there are no images, so the
check that they are there is switched off. Every reading is a process of its own; its peak of memory is the system's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aio_plugin.datasets.storage.index import CACHE
from aio_plugin.datasets.text.synth_pedes import ADAPTER, ANNOTATIONS, FOLDER, PUBLISHED
from aio_plugin.training.person_dataset import Source

from ..result_files import REPOSITORY, provenance

OUT = Path(__file__).parents[1] / "results" / "annotations.json"
IDS, IMAGES, CAPTIONS = (PUBLISHED[f"train {what}"] for what in ("ids", "images", "captions"))
PARTS = 11
SENTENCES = 5_000
LOOK_AT = 1_000
COLOURS = ("black", "white", "red", "dark blue", "light grey", "green", "khaki", "pink and white")
UPPER = ("short-sleeved shirt", "down jacket with a hood", "striped t-shirt", "knitted sweater", "long trench coat")
LOWER = ("jeans", "sports trousers", "knee-length skirt", "shorts", "tight leggings")
SHOES = ("sneakers", "leather boots", "sandals", "canvas shoes with white soles")
THINGS = ("a shoulder bag", "a backpack", "a mobile phone in the right hand", "nothing in the hands", "a plastic bag")


def sentence(rng: random.Random) -> str:
    """A caption of the kind and length of the dataset's own."""
    upper, lower, shoes = (f"{rng.choice(COLOURS)} {rng.choice(what)}" for what in (UPPER, LOWER, SHOES))
    person, hair = rng.choice(("man", "woman")), rng.choice(("short", "long", "curly"))
    return f"The {person} with {hair} hair is wearing a {upper}, {lower} and {shoes}, and carries {rng.choice(THINGS)}."


def records(number: int) -> Iterator[dict[str, Any]]:
    """The first ``number`` records of a dataset with the published counts, in proportion."""
    rng = random.Random(0)
    pool = [sentence(rng) for _ in range(SENTENCES)]
    thirds = CAPTIONS - 2 * IMAGES  # photos with a third caption
    for at in range(number):
        pid = at * IDS // IMAGES
        captions = 2 + (at + 1) * thirds // IMAGES - at * thirds // IMAGES
        yield {
            "id": pid,
            "file_path": f"Part{1 + pid * PARTS // IDS}/{pid}/{at - -(-pid * IMAGES // IDS)}.jpg",
            "attributes": ["woman,brown hair,red coat,blue jeans,white shoes,handbag"],
            "captions": rng.choices(pool, k=captions),
            "prompt_caption": ["A woman with brown hair wears a red coat, blue jeans and white shoes, with a handbag."],
        }


def write(file: Path, number: int) -> None:
    """The records as one line of JSON, as the dataset's file is."""
    file.parent.mkdir(parents=True)
    with file.open("w") as stream:
        for at, record in enumerate(records(number)):
            stream.write(("[" if at == 0 else ", ") + json.dumps(record))
        stream.write("]")


def reading(root: str) -> dict[str, Any]:
    """Read what lies below ``root``, make the training persons, look at some; numbers of this process."""
    start = time.perf_counter()
    splits = ADAPTER.read(root, {"check_images": False})
    read_at = time.perf_counter()
    step = max(1, len(splits.train) // LOOK_AT)
    captions = sum(len(splits.train[at].media.partners) for at in range(0, len(splits.train), step))
    looked_at = time.perf_counter()
    persons = len(Source("synth_pedes", splits.train).persons)
    done = time.perf_counter()
    return {
        "seconds": round(read_at - start, 3),
        "seconds_per_1000_items": round((looked_at - read_at) * LOOK_AT / len(range(0, len(splits.train), step)), 4),
        "seconds_to_group_persons": round(done - looked_at, 3),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "found": {**splits.found, "persons": persons, "captions of the items looked at": captions},
    }


def measured(root: Path) -> dict[str, Any]:
    """:func:`reading` in a fresh process, with what it took on the way to its first line."""
    command = [sys.executable, "-m", "benchmarks.speed.annotations", "--read", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def imports() -> int:
    """MiB that a process takes which reads nothing: Python, torch and this package."""
    usage = "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024"
    code = f"import benchmarks.speed.annotations, resource; print({usage})"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=REPOSITORY).stdout)


def forget(file: Path) -> None:
    """Have the system drop the file from its cache, so that the next reading is from disk."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=IMAGES)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        print(json.dumps(reading(args.read)))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FOLDER / ANNOTATIONS
        write(file, args.records)
        forget(file)
        times = {"first": measured(Path(folder)), "second": measured(Path(folder))}
        os.utime(file)
        times["after_the_source_changed"] = measured(Path(folder))
        index = list(Path(folder).rglob(f"{CACHE}/**/*.npy"))
        sizes = {"annotations": file.stat().st_size, "index": sum(path.stat().st_size for path in index)}
    if len({json.dumps(each["found"]) for each in times.values()}) > 1:
        raise SystemExit(f"The index does not say what the annotations do: {times}")
    document = {
        "command": "python -m benchmarks.speed.annotations",
        **provenance(),
        "records": args.records,
        "bytes": sizes,
        "mib_before_reading": imports(),
        "readings": times,
    }
    args.out.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
