"""Market-1501 as torchreid finds it, looked over by a plain reading of its names.

A name is ``<pid>_c<camera>s<sequence>_<frame>_<box>.jpg``; -1 is a junk box, 0000 a distractor, and
some published names end in ``.jpg.jpg``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from .contents import Contents, contents, unreadable
from .findings import Block, first_of
from .inspection import compared, differing, table

FOLDER, RELEASE = "market1501", "Market-1501-v15.09.15"
TRAIN, QUERY, GALLERY = PARTS = ("bounding_box_train", "query", "bounding_box_test")
NAME = re.compile(r"(?P<pid>-1|\d{4})_c[1-6]s\d+_\d+_\d+\.jpg(\.jpg)?")
PUBLISHED = {
    "train ids": 751,
    "train images": 12_936,
    "query ids": 750,
    "query images": 3_368,
    "gallery images": 15_913,
    "junk images": 3_819,
}
JUNK, DISTRACTOR = -1, 0


def inspect(root: str, toy: bool, fast: bool) -> Block:
    """The block of torchreid's own market1501; arguments as :func:`aio_plugin.tools.inspection.inspect`."""
    block = Block(f"{FOLDER} (torchreid's own)")
    base = os.path.join(root, FOLDER)
    if os.path.isdir(os.path.join(base, RELEASE)):
        base = os.path.join(base, RELEASE)
    lacking = [part for part in PARTS if not os.path.isdir(os.path.join(base, part))]
    block.blame(f"the folder {os.path.join(base, part)} is missing. Complete the download." for part in lacking)
    lying = {part: contents(os.path.join(base, part), root) for part in PARTS if part not in lacking}
    odd: list[str] = []
    pids = {part: _pids(lying[part].images, odd) if part in lying else [] for part in PARTS}
    counts = compared(_counts(pids), PUBLISHED)
    block.tell([table(counts)])
    if not toy:
        block.blame(differing(counts))
    block.blame(first_of("names not of the form 0002_c1s1_000451_03.jpg", odd))
    _compare_people(block, pids)
    for found in lying.values():
        _common(block, found)
    if not fast:
        images = [path for found in lying.values() for path in found.images]
        block.blame(first_of("images that cannot be read", list(unreadable(images, FOLDER))))
    return block


def _pids(paths: Sequence[str], odd: list[str]) -> list[int]:
    """The identity of every image; those off the pattern go to ``odd``."""
    found = []
    for path in paths:
        match = NAME.fullmatch(os.path.basename(path))
        if match:
            found.append(int(match["pid"]))
        else:
            odd.append(path)
    return found


def _counts(pids: dict[str, list[int]]) -> dict[str, int]:
    kept = {part: [pid for pid in found if pid != JUNK] for part, found in pids.items()}
    return {
        "train ids": len(set(kept[TRAIN])),
        "train images": len(kept[TRAIN]),
        "query ids": len(set(kept[QUERY])),
        "query images": len(kept[QUERY]),
        "gallery images": len(kept[GALLERY]),
        "junk images": pids[GALLERY].count(JUNK),
    }


def _compare_people(block: Block, pids: dict[str, list[int]]) -> None:
    train, query, gallery = (set(pids[part]) - {JUNK, DISTRACTOR} for part in PARTS)
    for folder, found in zip(PARTS, (train, query, gallery), strict=True):
        if not found:
            block.blame([f"{folder} shows nobody. Complete the download."])
    shared = [f"{pid:04d}" for pid in sorted(train & (query | gallery))]
    block.blame(first_of("identities in training and in test folders", shared))
    alone = [f"{pid:04d}" for pid in sorted(query - gallery)]
    block.blame(first_of("identities searched for that are not in the gallery", alone))


def _common(block: Block, found: Contents) -> None:
    block.blame(first_of("empty files", found.empty))
    block.blame(first_of("links out of the data root", found.leaving))
    block.blame(first_of("links to nowhere", found.dangling))
    block.blame(first_of("folders that cannot be listed", found.locked))
