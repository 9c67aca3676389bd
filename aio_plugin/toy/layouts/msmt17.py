"""MSMT17 V1: fifteen cameras at three times of day; test people are numbered from 0 again."""

from __future__ import annotations

from ..domains import MSMT17
from ..people import Person
from ..weather import SLOTS, through
from .plan import LOOK_ALIKES, Picture, Plan, Source, test_people

CAMERAS = MSMT17.cameras(15)
DATES = ("0302", "0303", "0113", "0114")
TRAIN_SHOTS, QUERY_SHOTS, GALLERY_SHOTS = 6, 2, 5


def plan(ids: int, seed: int) -> Plan:
    """A fifth of ``ids`` people to test, fewer to train; an image of every fourth of these validates."""
    source, result = Source("MSMT17", seed), Plan("MSMT17_V1")
    lists: dict[str, list[str]] = {"train": [], "val": [], "query": [], "gallery": []}
    for pid, person in enumerate(source.crowd(max(8, ids // 8))):
        lines = _shots(source, result, "train", pid, person, TRAIN_SHOTS)
        lists["val"] += lines[:1] if pid % 4 == 3 else []
        lists["train"] += lines[1:] if pid % 4 == 3 else lines
    for pid, person in enumerate(source.crowd(test_people(ids), LOOK_ALIKES)):
        lines = _shots(source, result, "test", pid, person, QUERY_SHOTS + GALLERY_SHOTS)
        lists["query"] += lines[:QUERY_SHOTS]
        lists["gallery"] += lines[QUERY_SHOTS:]
    for name, lines in lists.items():
        result.text(f"list_{name}.txt", "".join(f"{line}\n" for line in lines))
    return result


def _shots(source: Source, plan: Plan, split: str, pid: int, person: Person, count: int) -> list[str]:
    """Lines of the lists for pictures by ``count`` different cameras."""
    lines = []
    for index, k in enumerate(source.rng.permutation(len(CAMERAS))[:count].tolist()):
        date, slot = DATES[source.below(len(DATES))], list(SLOTS)[source.below(len(SLOTS))]
        end = "_ex" if source.rng.random() < 0.4 else ""
        name = f"{pid:04d}_{index:03d}_{k + 1:02d}_{date}{slot}_{source.below(10000):04d}_{source.below(11)}{end}.jpg"
        path = f"MSMT17_V1/{split}/{pid:04d}/{name}"
        camera = through(CAMERAS[k], SLOTS[slot])
        plan.pictures.append(Picture(path, person, "rgb", camera, source.next_key()))
        lines.append(f"{pid:04d}/{name} {pid}")
    return lines
