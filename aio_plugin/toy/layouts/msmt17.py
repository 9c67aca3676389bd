"""MSMT17 V1: fifteen cameras at three times of day; test people are numbered from 0 too."""

from __future__ import annotations

from ..cameras import DOMAINS, SLOTS, through
from ..people import ToyPerson
from .plan import LOOK_ALIKES, Plan, test_people

CAMERAS = DOMAINS["MSMT17"].cameras(15)
DATES = ("0302", "0303", "0113", "0114")
TRAIN_SHOTS, QUERY_SHOTS, GALLERY_SHOTS = 6, 2, 5


def plan_msmt17(ids: int, seed: int) -> Plan:
    """A fifth of ``ids`` people to test, fewer to train; an image of every fourth training person validates."""
    plan = Plan("MSMT17", "MSMT17_V1", seed)
    lists: dict[str, list[str]] = {"train": [], "val": [], "query": [], "gallery": []}
    for pid, person in enumerate(plan.people(max(8, ids // 8))):
        names = _draw(plan, "train", pid, person, TRAIN_SHOTS)
        lists["val"] += names[:1] if pid % 4 == 3 else []
        lists["train"] += names[1:] if pid % 4 == 3 else names
    for pid, person in enumerate(plan.people(test_people(ids), LOOK_ALIKES)):
        names = _draw(plan, "test", pid, person, QUERY_SHOTS + GALLERY_SHOTS)
        lists["query"] += names[:QUERY_SHOTS]
        lists["gallery"] += names[QUERY_SHOTS:]
    for split, listed in lists.items():
        plan.lines(f"list_{split}.txt", [f"{name} {int(name[:4])}" for name in listed])
    return plan


def _draw(plan: Plan, split: str, pid: int, person: ToyPerson, count: int) -> list[str]:
    """Names of pictures by ``count`` different cameras."""
    names = []
    for index, k in enumerate(plan.shuffled(len(CAMERAS))[:count]):
        date, slot = DATES[plan.below(len(DATES))], list(SLOTS)[plan.below(len(SLOTS))]
        end = "_ex" if plan.rng.random() < 0.4 else ""
        name = f"{pid:04d}_{index:03d}_{k + 1:02d}_{date}{slot}_{plan.below(10000):04d}_{plan.below(11)}{end}.jpg"
        names.append(f"{pid:04d}/{name}")
        plan.draw(f"{split}/{names[-1]}", person, "rgb", through(CAMERAS[k], SLOTS[slot]))
    return names
