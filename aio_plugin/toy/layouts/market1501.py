"""Market-1501, where torchreid looks for it, with its junk, its distractors and its doubled suffixes."""

from __future__ import annotations

import dataclasses

from ..drawing.pose import Pose, sample_pose
from ..people import ToyPerson
from .plan import LOOK_ALIKES, Plan, test_people

GALLERY_SHOTS = 2


def plan_market1501(ids: int, seed: int) -> Plan:
    """A fifth of ``ids`` people to test, fewer to train; as many distractors, half as much junk."""
    plan = Plan("Market-1501", "market1501/Market-1501-v15.09.15", seed)
    n_test = test_people(ids)
    n_train = max(8, ids // 8)
    total = n_train + n_test
    order = [n + 1 for n in plan.shuffled(min(1501, 3 * total))[:total]]
    for number, person in zip(order, plan.people(n_train), strict=False):
        for camera in plan.shuffled(6)[:5]:
            _draw(plan, "bounding_box_train", f"{number:04d}", person, camera)
    tested = list(zip(sorted(order[n_train:]), plan.people(n_test, LOOK_ALIKES), strict=True))
    for number, person in tested:
        suffix = ".jpg.jpg" if number == tested[-1][0] else ".jpg"
        for k, camera in enumerate(plan.shuffled(6)[: 3 + plan.below(3)]):
            for folder in ["query"] * (k < 3) + ["bounding_box_test"] * GALLERY_SHOTS:
                _draw(plan, folder, f"{number:04d}", person, camera, suffix)
    for k, person in enumerate(plan.people(n_test)):
        _draw(plan, "bounding_box_test", "0000", person, plan.below(6), ".jpg.jpg" if k == 0 else ".jpg")
    for _, person in tested[: n_test // 2]:
        camera, pose = plan.below(6), sample_pose(plan.rng)
        part = dataclasses.replace(pose, scale=1.7, shift_x=pose.shift_x + 0.25, shift_y=0.4)  # of the person
        _draw(plan, "bounding_box_test", "-1", person, camera, pose=part)
    return plan


def box_name(pid: str, camera: int, sequence: int, frame: int, box: int, suffix: str = ".jpg") -> str:
    """Name of a box; ``pid`` is a number of four digits, "0000" for a distractor, "-1" for junk."""
    return f"{pid}_c{camera}s{sequence}_{frame:06d}_{box:02d}{suffix}"


def _draw(
    plan: Plan, folder: str, pid: str, person: ToyPerson, camera: int, suffix: str = ".jpg", pose: Pose | None = None
) -> None:
    name = box_name(pid, camera + 1, 1 + plan.below(6), plan.count, plan.below(5), suffix)
    plan.draw(f"{folder}/{name}", person, "rgb", camera, pose)
