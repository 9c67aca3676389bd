"""PKU-Sketch: two photos by two cameras and one sketch by one of five artists for everybody."""

from __future__ import annotations

from .plan import LOOK_ALIKES, Picture, Plan, Source, test_people

ARTISTS = {"a": 8, "b": 4, "c": 16, "d": 8, "e": 4}
"""People of every forty drawn by an artist; multiples of four, so that a quarter of each can be tested."""

HANDS = {"a": "B", "b": "C", "c": "A", "d": "E", "e": "D"}
"""The hand an artist has."""


def plan(ids: int, seed: int) -> Plan:
    """As many people as make a test quarter of a fifth of ``ids``, in multiples of forty."""
    source, result = Source("PKU-Sketch", seed), Plan("PKU-Sketch")
    groups = max(1, round(4 * test_people(ids) / 40)) if ids >= 100 else 1
    artists = [artist for artist, share in ARTISTS.items() for _ in range(share * groups)]
    artists = [artists[i] for i in source.rng.permutation(len(artists))]
    people = source.crowd(len(artists), LOOK_ALIKES)
    for pid, (person, artist) in enumerate(zip(people, artists, strict=True), start=1):
        for camera in source.rng.permutation(6)[:2]:
            path = f"PKU-Sketch/photo/{pid}_{camera + 1:02d}_{source.below(900)}.jpg"
            result.pictures.append(Picture(path, person, "rgb", int(camera), source.next_key()))
        path = f"PKU-Sketch/sketch/{pid}.jpg"
        result.pictures.append(Picture(path, person, "sketch", HANDS[artist], source.next_key()))
    for artist in ARTISTS:
        drawn = [str(pid) for pid, by in enumerate(artists, start=1) if by == artist]
        result.text(f"styleAnnotation/{artist}_{len(drawn)}.txt", "\n".join(drawn) + "\n")
    return result
