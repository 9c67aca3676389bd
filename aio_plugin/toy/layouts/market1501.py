"""Market-1501, where torchreid looks for it, with its junk, its distractors and its doubled suffixes."""

from __future__ import annotations

from ..drawing.pose import Pose, sample_pose
from ..people import Person
from .plan import LOOK_ALIKES, Picture, Plan, Source, test_people

FOLDER = "market1501/Market-1501-v15.09.15"
GALLERY_SHOTS = 2


def plan(ids: int, seed: int) -> Plan:
    """A fifth of ``ids`` people to test, fewer to train; as many distractors, half as much junk."""
    source, result = Source("Market-1501", seed), Plan(FOLDER)
    n_test = test_people(ids)
    n_train = max(8, ids // 8)
    total = n_train + n_test
    order = [int(n) + 1 for n in source.rng.permutation(min(1501, 3 * total))[:total]]
    for number, person in zip(order, source.crowd(n_train), strict=False):
        for camera in source.rng.permutation(6)[:5]:
            _add(source, result, "bounding_box_train", f"{number:04d}", person, int(camera))
    testers = list(zip(sorted(order[n_train:]), source.crowd(n_test, LOOK_ALIKES), strict=True))
    for number, person in testers:
        _tester(source, result, number, person, ".jpg.jpg" if number == testers[-1][0] else ".jpg")
    for k, person in enumerate(source.crowd(n_test)):
        _add(source, result, "bounding_box_test", "0000", person, source.below(6), ".jpg.jpg" if k == 0 else ".jpg")
    for k in range(n_test // 2):
        _add(source, result, "bounding_box_test", "-1", testers[k][1], source.below(6), pose=_bad_box(source))
    return result


def _tester(source: Source, plan: Plan, number: int, person: Person, suffix: str) -> None:
    cameras = source.rng.permutation(6)[: 3 + source.below(3)]
    for k, camera in enumerate(cameras):
        if k < 3:
            _add(source, plan, "query", f"{number:04d}", person, int(camera), suffix)
        for _ in range(GALLERY_SHOTS):
            _add(source, plan, "bounding_box_test", f"{number:04d}", person, int(camera), suffix)


def _bad_box(source: Source) -> Pose:
    """A box that holds only some of a person."""
    pose = sample_pose(source.rng)
    return Pose(pose.view, pose.mirror, pose.stride, pose.swing, pose.lean, 1.7, pose.shift_x + 0.25, 0.4)


def _add(
    source: Source,
    plan: Plan,
    folder: str,
    pid: str,
    person: Person,
    camera: int,
    suffix: str = ".jpg",
    pose: Pose | None = None,
) -> None:
    name = f"{pid}_c{camera + 1}s{1 + source.below(6)}_{source.count:06d}_{source.below(5):02d}{suffix}"
    plan.pictures.append(Picture(f"{FOLDER}/{folder}/{name}", person, "rgb", camera, source.next_key(), pose))
