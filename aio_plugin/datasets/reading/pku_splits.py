"""The splits of PKU-Sketch: read from lists, or drawn with a seed and saved.

The published procedure (SketchTrans) draws a quarter of every artist's people for testing, 11, 5, 20,
8 and 6 of 46, 20, 79, 33 and 22, but without a seed. Here the draw has a seed, and the splits are saved.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Container, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ...atomic_write import written_whole
from ...errors import DatasetError
from ...outside_files import read_json
from .checks import is_inspection
from .layouts import Tree
from .lists import read_lines

TEST_SHARE = 4
"""One person in four is tested."""
LIST_FOLDERS = ("idx", "chen_idx2")
SAVED_FOLDER = "idx_aio"
HASH_SHOWN = 12


class TestSplits(NamedTuple):
    """The test identities of every split, sorted, and notes on where they come from."""

    tests: list[list[int]]
    notes: list[str]

    def only(self, number: int) -> TestSplits:
        """Split ``number``, counted from 1, alone."""
        return TestSplits([self.tests[number - 1]], [*self.notes, f"pku_sketch: split {number} alone"])


def make_splits(artists: Mapping[str, Sequence[int]], seed: int, n: int) -> list[list[int]]:
    """Draw ``n`` lists of test identities, each a quarter of every artist's people.

    Args:
        artists: artist -> identities.

    Returns:
        Sorted lists. The first k of n are the same for every n.
    """
    shares = quarters({artist: len(pids) for artist, pids in artists.items()})
    splits = []
    for index in range(n):
        rng = random.Random(f"{seed}/{index}")
        drawn = [rng.sample(sorted(artists[artist]), shares[artist]) for artist in sorted(artists)]
        splits.append(sorted(chain.from_iterable(drawn)))
    return splits


def quarters(sizes: Mapping[str, int]) -> dict[str, int]:
    """A quarter of every size, rounded so that the parts add up to a quarter of the whole, at least one.

    Largest remainders are rounded up first, and of equal ones those of the smaller group.
    """
    shares = {name: size // TEST_SHARE for name, size in sizes.items()}
    open_places = max(1, sum(sizes.values()) // TEST_SHARE) - sum(shares.values())
    order = sorted(sizes, key=lambda name: (-(sizes[name] % TEST_SHARE), sizes[name], name))
    for name in order[:open_places]:
        shares[name] += 1
    return shares


def seeded_splits(tree: Tree, seed: int, n: int, complete: Container[int] | None = None) -> TestSplits:
    """The splits of ``seed``, drawn and saved in ``idx_aio/``, or compared with those saved there before.

    Args:
        complete: the persons that are scored, of whom the hash in the note is; None for all.

    Raises:
        DatasetError: ``styleAnnotation`` is absent or malformed, or the saved splits do not match it.
    """
    artists = read_artists(tree)
    drawn = make_splits(artists, seed, n)
    digest = _digest(drawn)
    content = {"dataset": tree.dataset, "seed": seed, "artists": artists, "test": drawn, "sha256": digest}
    name = f"{SAVED_FOLDER}/splits_seed{seed}_n{n}.json"
    file = Path(tree.path(name))
    where = tree.relative(str(file))
    if tree.has(SAVED_FOLDER) and tree.has(name):
        try:
            same = read_json(file) == content
        except (OSError, ValueError):
            same = False
        if not same:
            raise DatasetError(
                f"{file} does not hold the splits that its seed gives for these artists: one of them was changed. "
                f"Restore it, or delete {file.name} to draw again."
            )
    elif is_inspection():
        where = "drawn, not saved"
    else:
        try:
            with written_whole(file) as out:
                out.write(json.dumps(content).encode())
        except OSError:
            where = "memory only, the dataset's folder is read-only"
    note = f"{tree.dataset}: {n} splits drawn by artist with seed {seed}, sha256 {_scored(drawn, complete)} ({where})"
    return TestSplits(drawn, [f"{note}; results compare only on the same splits"])


def list_folder(tree: Tree) -> str | None:
    """The folder with lists of splits, if there is one."""
    return next((folder for folder in LIST_FOLDERS if tree.has(f"{folder}/test_sketch_1.txt")), None)


def listed_splits(tree: Tree, folder: str, n: int, complete: Container[int] | None = None) -> TestSplits:
    """The first ``n`` splits of ``<folder>/test_sketch_<k>.txt``.

    A line is ``path pid [camera [style]]``; repeated lines count once. ``complete`` as in :func:`seeded_splits`.

    Raises:
        DatasetError: a list is absent or malformed, or the visible list names other people.
    """
    tests = []
    for k in range(1, n + 1):
        drawn = _listed(tree, f"{folder}/test_sketch_{k}.txt")
        visible = f"{folder}/test_visible_{k}.txt"
        if tree.has(visible) and (odd := drawn ^ _listed(tree, visible)):
            raise DatasetError(
                f"{tree.path(visible)} and test_sketch_{k}.txt name different people: {len(odd)} are in one only, "
                f"the first {min(odd)}. Restore the lists."
            )
        tests.append(sorted(drawn))
    origin = f"{n} splits from {tree.relative(tree.path(folder))}"
    return TestSplits(tests, [f"{tree.dataset}: {origin}, sha256 {_scored(tests, complete)}"])


def read_artists(tree: Tree) -> dict[str, list[int]]:
    """Artist -> identities, from ``styleAnnotation/<letter>_<count>.txt``.

    Raises:
        DatasetError: there are none, a line is not an identity, or an identity has two artists.
    """
    tree.require("styleAnnotation")
    artists: dict[str, set[int]] = {}
    for name in tree.files("styleAnnotation", (".txt",)):
        match = re.fullmatch(r"([a-z])_\d+\.txt", name)
        if match is None:
            continue
        file = tree.path(f"styleAnnotation/{name}")
        people = artists.setdefault(match[1], set())
        for number, line in read_lines(file):
            pid = _pid(line, f"{file}, line {number}")
            other = next((artist for artist, pids in artists.items() if pid in pids and pids is not people), None)
            if other:
                raise DatasetError(f"{file}, line {number}: {pid} also has artist {other}. Restore the lists.")
            people.add(pid)
    if not any(artists.values()):
        raise DatasetError(f"{tree.dataset}: no lists like a_46.txt in {tree.path('styleAnnotation')}. Restore them.")
    return {artist: sorted(pids) for artist, pids in artists.items()}


def _listed(tree: Tree, relative: str) -> set[int]:
    file = tree.path(relative)
    pids = set()
    for number, line in read_lines(file):
        where = f"{file}, line {number}"
        path, *fields = line.split()
        if not 1 <= len(fields) <= 3:
            raise DatasetError(f"{where}: must be 'path pid [camera [style]]', got {line[:80]!r}. Restore the list.")
        tree.listed(path, where)
        pid = _pid(fields[0], where)
        named = re.match(r"\d{1,6}(?!\d)", path.replace("\\", "/").rsplit("/", 1)[-1])
        if named is None or int(named[0]) != pid:
            raise DatasetError(f"{where}: {path} is not an image of person {pid}. Restore the list.")
        pids.add(pid)
    if not pids:
        raise DatasetError(f"{file} is empty. Restore the list.")
    return pids


def _pid(text: str, where: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise DatasetError(f"{where}: must hold an identity, got {text[:40]!r}. Restore the list.")
    return int(text)


def _scored(splits: list[list[int]], complete: Container[int] | None) -> str:
    """The start of the hash of the persons of every split who can be scored."""
    return _digest([[pid for pid in split if complete is None or pid in complete] for split in splits])[:HASH_SHOWN]


def _digest(splits: list[list[int]]) -> str:
    return hashlib.sha256(json.dumps(splits).encode()).hexdigest()
