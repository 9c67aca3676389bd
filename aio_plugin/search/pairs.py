"""Labelled pairs: cosines of pictures of one person and of different people."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional as F

from ..errors import CalibrationError
from ..metrics.labels import IntArray
from ..outside_files import text_lines

FOLDS = 5
"""Parts of the people, for cross-validation."""
MOST_ROWS = 20_000
"""Pictures that pairs are made of; of more, some people are drawn."""
MOST_NEGATIVES = 10_000_000
"""Pairs of different people; of more, some are drawn."""
MOST_LISTED = 1_000_000
"""Pairs of a file."""
BLOCK = 256


class LabelledPairs(NamedTuple):
    """Pairs of pictures.

    Attributes:
        scores: (P) cosines, float32.
        same: (P) whether both are of one person.
        folds: (2, P) which of the :data:`FOLDS` parts of the people either is in.
        persons: how many people there are.
    """

    scores: NDArray[np.float32]
    same: NDArray[np.bool_]
    folds: NDArray[np.int8]
    persons: int


class Labelled(NamedTuple):
    """Pictures of known people.

    Attributes:
        features: (N, D).
        pids: (N) of their people.
        cameras: (N) "" = not known.
    """

    features: Tensor
    pids: Sequence[str]
    cameras: Sequence[str]


def pairs_among(query: Labelled, gallery: Labelled | None = None, seed: int = 0) -> LabelledPairs:
    """All pairs of a query and a gallery picture, or of two of the queries, less those of one person by one camera.

    These are left out as in testing: they are alike for other reasons. Where there are too many pairs, people and pairs
    of different people are drawn at random, the same ones for the same seed.
    """
    rng = np.random.default_rng(seed)
    sides = [query] if gallery is None else [query, gallery]
    names, codes = np.unique(np.concatenate([list(side.pids) for side in sides]), return_inverse=True)
    folds = (rng.permutation(len(names)) % FOLDS).astype(np.int8)
    chosen = np.ones(len(names), np.bool_)
    counts = np.bincount(codes)
    if counts.sum() > MOST_ROWS:
        order = rng.permutation(len(names))
        chosen[order[np.cumsum(counts[order]) > MOST_ROWS]] = False
    parts = np.split(codes, np.cumsum([len(side.pids) for side in sides])[:-1])
    kept = [np.flatnonzero(chosen[part]) for part in parts]
    features = [
        F.normalize(side.features[torch.from_numpy(rows)].float()) for side, rows in zip(sides, kept, strict=True)
    ]
    people = [part[rows] for part, rows in zip(parts, kept, strict=True)]
    cameras = [np.array(list(side.cameras), dtype=object)[rows] for side, rows in zip(sides, kept, strict=True)]
    total = len(people[0]) * len(people[-1]) // (2 if gallery is None else 1)
    share = min(1.0, MOST_NEGATIVES / max(1, total))
    blocks = []
    for start in range(0, len(people[0]), BLOCK):
        some = slice(start, start + BLOCK)
        scores = (features[0][some] @ features[-1].T).numpy()
        same = people[0][some, None] == people[-1]
        counted = rng.random(len(people[-1])) < share if share < 1 else np.ones(len(people[-1]), np.bool_)
        one_camera = (cameras[0][some, None] == cameras[-1]) & (cameras[0][some, None] != "")
        wanted = np.where(same, ~one_camera, counted)
        if gallery is None:
            wanted &= np.arange(start, start + len(scores))[:, None] < np.arange(len(people[-1]))
        first, second = wanted.nonzero()
        both = np.stack([folds[people[0][some][first]], folds[people[-1][second]]])
        blocks.append((scores[wanted], same[wanted], both))
    scores, same, both = (np.concatenate(each, axis=-1) for each in zip(*blocks, strict=True))
    return LabelledPairs(scores, same, both, len(np.unique(np.concatenate(people))))


class ListedPairs(NamedTuple):
    """The pairs of a file.

    Attributes:
        paths: of the pictures, each once.
        first, second: (P) positions in ``paths``.
        same: (P).
    """

    paths: list[str]
    first: IntArray
    second: IntArray
    same: NDArray[np.bool_]


def read_pairs(path: str) -> ListedPairs:
    """The pairs of a CSV file with the columns ``a``, ``b`` (paths) and ``same`` (1 or 0).

    Raises:
        CalibrationError: it cannot be read, or a line is wrong; says which.
    """
    numbers: dict[str, int] = {}
    rows: list[tuple[int, int, bool]] = []
    try:
        reader = csv.DictReader(text_lines(path))
        for row in itertools.islice(reader, MOST_LISTED + 1):
            if not (row.get("a") and row.get("b")) or row.get("same") not in ("0", "1"):
                raise ValueError(f"line {reader.line_num} has no a, b or same (1 or 0)")
            first, second = (numbers.setdefault(row[name], len(numbers)) for name in ("a", "b"))
            rows.append((first, second, row["same"] == "1"))
        if not rows or len(rows) > MOST_LISTED:
            raise ValueError(f"it has {'no' if not rows else f'more than {MOST_LISTED:,}'} pairs")
    except (OSError, ValueError, csv.Error) as error:
        raise CalibrationError(f"{path}: {error}. Give a CSV file with the columns a,b,same.") from error
    columns = np.array(rows)
    return ListedPairs(list(numbers), columns[:, 0], columns[:, 1], columns[:, 2].astype(bool))


def scored_pairs(listed: ListedPairs, features: Tensor, seed: int = 0) -> LabelledPairs:
    """Listed pairs with the cosines of their pictures' features (N, D); who is linked by pairs of one person is one.

    Raises:
        CalibrationError: a pair is said to be of two people, but others say that it is of one.
    """
    count = len(listed.paths)
    linked = listed.first[listed.same], listed.second[listed.same]  # a stored zero would count as a link
    links = coo_matrix((np.ones(len(linked[0])), linked), (count, count))
    persons, codes = connected_components(links, directed=False)
    wrong = np.flatnonzero((codes[listed.first] == codes[listed.second]) & ~listed.same)
    if len(wrong):
        a, b = (listed.paths[side[wrong[0]]] for side in (listed.first, listed.second))
        raise CalibrationError(f"{a!r} and {b!r} are listed as two people, but other pairs make them one; correct it.")
    folds = (np.random.default_rng(seed).permutation(persons) % FOLDS).astype(np.int8)
    unit = F.normalize(features.float())
    scores = (unit[torch.from_numpy(listed.first)] * unit[torch.from_numpy(listed.second)]).sum(1).numpy()
    return LabelledPairs(scores, listed.same, folds[codes[np.stack([listed.first, listed.second])]], persons)
