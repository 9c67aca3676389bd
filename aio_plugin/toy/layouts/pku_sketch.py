"""PKU-Sketch: two photos by two cameras and one sketch by one of five artists for everybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .plan import LOOK_ALIKES, Plan, test_people

ARTISTS = {"a": 8, "b": 4, "c": 16, "d": 8, "e": 4}
"""How many of every forty people an artist draws; multiples of four, so that a quarter of each can be tested."""

HANDS = {"a": "B", "b": "C", "c": "A", "d": "E", "e": "D"}
"""Drawing style of each artist."""


def plan_pku_sketch(ids: int, seed: int) -> Plan:
    """People in multiples of forty, so that a quarter of them is about a fifth of ``ids``."""
    plan = Plan("PKU-Sketch", "PKU-Sketch", seed)
    groups = max(1, round(4 * test_people(ids) / 40)) if ids >= 100 else 1
    artists = [artist for artist, share in ARTISTS.items() for _ in range(share * groups)]
    artists = [artists[i] for i in plan.shuffled(len(artists))]
    people = plan.people(len(artists), LOOK_ALIKES)
    for pid, (person, artist) in enumerate(zip(people, artists, strict=True), start=1):
        for camera in plan.shuffled(6)[:2]:
            path = photo_path(pid, camera + 1, plan.below(900))
            plan.draw(path, person, "rgb", camera)
        plan.draw(f"sketch/{pid}.jpg", person, "sketch", HANDS[artist])
    list_artists(plan, {name: [pid for pid, by in enumerate(artists, start=1) if by == name] for name in ARTISTS})
    return plan


def photo_path(pid: int, camera: int, frame: int) -> str:
    """Path of a photo; persons and cameras count from 1."""
    return f"photo/{pid}_{camera:02d}_{frame}.jpg"


def list_artists(plan: Plan, artists: Mapping[str, Iterable[int]]) -> None:
    """Plans the lists of the people each artist drew."""
    for artist, pids in artists.items():
        drawn = list(pids)
        plan.lines(f"styleAnnotation/{artist}_{len(drawn)}.txt", drawn)
