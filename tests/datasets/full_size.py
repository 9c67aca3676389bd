"""Datasets of the published size: names, lists and annotations as published, images of one byte that nothing opens."""

import json
import os
from pathlib import Path

_MADE = set()


def touch(*paths):
    """Files of one byte; fast, for hundreds of thousands."""
    for path in paths:
        folder = os.path.dirname(path)
        if folder not in _MADE:
            os.makedirs(folder, exist_ok=True)
            _MADE.add(folder)
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
        os.ftruncate(descriptor, 1)
        os.close(descriptor)


def write(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def dealt(count, persons):
    """``count`` things dealt to persons in turn: (person, how many it had before)."""
    return ((persons[at % len(persons)], at // len(persons)) for at in range(count))


CAPTION = (
    "The person number {} wears a red jacket, dark blue jeans and white shoes, and carries a grey backpack, take {}."
)


def captioned(splits, path, path_key="file_path"):
    """The records of a text set.

    Args:
        splits: split -> (identities, images, captions).
        path: (identity, number) -> path.
    """
    for split, (people, images, captions) in splits.items():
        for at, (person, number) in enumerate(dealt(images, people)):
            written = captions // images + (at < captions % images)
            texts = [CAPTION.format(person, take) for take in range(written)]
            yield {"split": split, "id": person, path_key: path(split, person, number), "captions": texts}


def text_set(base, file, records, images="imgs", sketches=None, path_key="file_path"):
    records = list(records)
    write(base / file, json.dumps(records))
    for record in records:
        touch(f"{base}/{images}/{record[path_key]}")
        if sketches:
            touch(f"{sketches}/{record[path_key]}")
    return base


CUHK_PEDES = {
    "train": (range(1, 11_004), 34_054, 68_126),
    "val": (range(11_004, 12_004), 3_078, 6_158),
    "test": (range(12_004, 13_004), 3_074, 6_156),
}
ICFG_PEDES = {"train": (range(3_102), 34_674, 34_674), "test": (range(3_102, 4_102), 19_848, 19_848)}
RSTPREID = {
    "train": (range(3_701), 18_505, 37_010),
    "val": (range(3_701, 3_901), 1_000, 2_000),
    "test": (range(3_901, 4_101), 1_000, 2_000),
}


def cuhk_pedes(root, sketches="CUHK-PEDES/imgs-sketch2"):
    records = captioned(CUHK_PEDES, lambda split, person, number: f"cam_{'ab'[person % 2]}/{person}_{number}.png")
    return text_set(root / "CUHK-PEDES", "reid_raw.json", records, sketches=sketches and root / sketches)


def icfg_pedes(root, sketches="ICFG-PEDES/imgs-sketch"):
    def path(split, person, number):
        return f"{split}/{person:04d}/{person:04d}_{number:03d}_{person % 15 + 1:02d}_0303noon_0456_{number}.jpg"

    records = captioned(ICFG_PEDES, path)
    return text_set(root / "ICFG-PEDES", "ICFG-PEDES.json", records, sketches=sketches and root / sketches)


def rstpreid(root, sketches="RSTPReid/imgs-sketch"):
    records = captioned(
        RSTPREID, lambda split, person, number: f"{person:04d}_c{number + 1}_{number:04d}.jpg", "img_path"
    )
    sketches = sketches and root / sketches
    return text_set(root / "RSTPReid", "data_captions.json", records, sketches=sketches, path_key="img_path")
