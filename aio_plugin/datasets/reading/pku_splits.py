"""The splits of PKU-Sketch: read from lists, or drawn from a seed and kept.

The published procedure (SketchTrans) draws a quarter of every artist's people for testing, 11, 5, 20,
8 and 6 of 46, 20, 79, 33 and 22, but without a seed. Here the draw has one, and is written down.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import DatasetError
from .layouts import Tree
from .lists import read_lines

TEST_SHARE = 4
"""One person in four is tested."""
LIST_FOLDERS = ("idx", "chen_idx2")
SAVED_FOLDER = "idx_aio"
HASH_SHOWN = 12


@dataclass(frozen=True)
class Lists:
    """The test identities of every split, sorted, and what to say of them in the result."""

    tests: list[list[int]]
    notes: list[str]

    def only(self, number: int) -> Lists:
        """Split ``number``, counted from 1, alone."""
        return Lists([self.tests[number - 1]], [*self.notes, f"pku_sketch: split {number} alone"])


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
        splits.append(
            sorted(pid for artist in sorted(artists) for pid in rng.sample(sorted(artists[artist]), shares[artist]))
        )
    return splits


def quarters(sizes: Mapping[str, int]) -> dict[str, int]:
    """A quarter of every size, rounded so that the parts sum to a quarter of the whole, at least one.

    Largest remainders are rounded up first, and of equal ones those of the smaller group.
    """
    shares = {name: size // TEST_SHARE for name, size in sizes.items()}
    open_places = max(1, sum(sizes.values()) // TEST_SHARE) - sum(shares.values())
    order = sorted(sizes, key=lambda name: (-(sizes[name] % TEST_SHARE), sizes[name], name))
    for name in order[:open_places]:
        shares[name] += 1
    return shares


def seeded_splits(tree: Tree, seed: int, n: int) -> Lists:
    """The splits of ``seed``, from ``idx_aio/`` if they were drawn before, else drawn and written there.

    Raises:
        DatasetError: ``styleAnnotation`` is absent or malformed, or the written splits do not fit it.
    """
    artists = read_artists(tree)
    drawn = make_splits(artists, seed, n)
    content = {"dataset": tree.dataset, "seed": seed, "artists": artists, "test": drawn}
    content["sha256"] = _digest(drawn)
    file = tree.path(f"{SAVED_FOLDER}/splits_seed{seed}_n{n}.json")
    kept = _keep(file, content)
    where = tree.relative(file) if kept else "memory only, the dataset's folder is read-only"
    note = (
        f"{tree.dataset}: {n} splits drawn by artist with seed {seed}, sha256 {_digest(drawn)[:HASH_SHOWN]} ({where})"
    )
    return Lists(drawn, [f"{note}; results compare only on the same splits"])


def list_folder(tree: Tree) -> str | None:
    """The folder with lists of splits, if there is one."""
    return next((folder for folder in LIST_FOLDERS if tree.has(f"{folder}/test_sketch_1.txt")), None)


def listed_splits(tree: Tree, folder: str, n: int) -> Lists:
    """The first ``n`` splits of ``<folder>/test_sketch_<k>.txt``.

    A line is ``path pid [camera [style]]``; lines that stand twice count once.

    Raises:
        DatasetError: a list is absent or malformed, or the visible list names other people.
    """
    tests = []
    for k in range(1, n + 1):
        drawn = _listed(tree, f"{folder}/test_sketch_{k}.txt")
        visible = f"{folder}/test_visible_{k}.txt"
        if tree.has(visible) and (odd := drawn ^ _listed(tree, visible)):
            raise DatasetError(
                f"{tree.path(visible)} and test_sketch_{k}.txt name different people: {len(odd)} stand in one only, "
                f"the first {min(odd)}. Restore the lists."
            )
        tests.append(sorted(drawn))
    note = f"{tree.dataset}: {n} splits from {tree.relative(tree.path(folder))}, sha256 {_digest(tests)[:HASH_SHOWN]}"
    return Lists(tests, [note])


def read_artists(tree: Tree) -> dict[str, list[int]]:
    """Artist -> identities, from ``styleAnnotation/<letter>_<count>.txt``.

    Raises:
        DatasetError: there are none, a line is no identity, or one stands under two artists.
    """
    tree.require("styleAnnotation")
    artists: dict[str, list[int]] = {}
    owner: dict[int, str] = {}
    for name in tree.files("styleAnnotation", (".txt",)):
        match = re.fullmatch(r"([a-z])_\d+\.txt", name)
        if match is None:
            continue
        file = tree.path(f"styleAnnotation/{name}")
        for number, line in read_lines(file):
            pid = _pid(line, f"{file}, line {number}")
            if owner.setdefault(pid, match[1]) != match[1]:
                raise DatasetError(
                    f"{file}, line {number}: {pid} also stands under artist {owner[pid]}. Restore the lists."
                )
        artists[match[1]] = sorted(pid for pid, artist in owner.items() if artist == match[1])
    if not owner:
        raise DatasetError(f"{tree.dataset}: no lists like a_46.txt in {tree.path('styleAnnotation')}. Restore them.")
    return artists


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
        named = re.match(r"\d+", path.replace("\\", "/").rsplit("/", 1)[-1])
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


def _digest(splits: list[list[int]]) -> str:
    return hashlib.sha256(json.dumps(splits).encode()).hexdigest()


def _keep(file: str, content: dict[str, Any]) -> bool:
    """Write the splits, or check those written before; False if the folder cannot be written."""
    if os.path.exists(file):
        _check_kept(file, content)
        return True
    folder = os.path.dirname(file)
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False, encoding="utf-8") as out:
            json.dump(content, out)
        os.replace(out.name, file)
    except OSError:
        return False
    return True


def _check_kept(file: str, content: dict[str, Any]) -> None:
    try:
        with open(file, encoding="utf-8") as stored:
            same = json.load(stored) == content
    except (OSError, ValueError):
        same = False
    if not same:
        raise DatasetError(
            f"{file} does not hold the splits that its seed gives for these artists: one of them was changed. "
            f"Restore it, or delete {os.path.basename(file)} to draw again."
        )
