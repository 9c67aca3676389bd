"""``calibrate``: what the cosines of a model mean, from labelled pairs: probabilities and the threshold at a rate."""

from __future__ import annotations

import argparse
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import load
from ..errors import AIOError, CalibrationError, ConfigError
from ..modality import MODALITIES, Modality, format_combination
from ..models.weights import state_digest, tested_part
from ..outside_files import lies_below, read_json, text_lines
from ..search.calibration import Calibrations, beside, calibrate, direction_of
from ..search.gallery import Gallery
from ..search.model import ReIDModel
from ..search.pairs import Labelled, LabelledPairs, pairs_among, read_pairs, scored_pairs
from .filter_options import filter_of


def run_calibrate(args: argparse.Namespace) -> None:
    """Calibrate every direction of search that the pairs are of, print the figures and write them.

    Raises:
        ConfigError: the options contradict each other.
        CalibrationError: the pairs are too few for the false-accept rate, or of another model.
    """
    if sum(map(bool, (args.index, args.pairs, args.features))) != 1:
        raise ConfigError("Give the labelled pairs by one of --index, --pairs and --features.")
    if not args.index and not args.weights:
        raise ConfigError("--pairs and --features need --weights, the model to calibrate.")
    model = load(args.weights, args.device or None) if args.weights else None
    if args.index:
        gallery = Gallery(args.index)
        digest = gallery.index.digest
        if model is not None:
            gallery.require_model(model.digest)
        directions = _of_index(gallery, args)
    else:
        assert model is not None
        digest = model.digest
        directions = _of_list(args, model) if args.pairs else _of_features(Path(args.features), model)
    found, faults = {}, []
    for name, pairs in directions:
        try:
            found[name] = calibrate(pairs, args.far)
        except CalibrationError as error:
            faults.append(f"{name}: {error}")
    if not found:
        raise CalibrationError("\n".join(faults) or "There are no pictures of known people.")
    path = Path(args.out).expanduser() if args.out else beside(model.source if model is not None else gallery.uri)
    Calibrations(digest, found).write(path)
    for name, each in found.items():
        held = each.held_out
        print(
            f"{name}: {each.positives:,} pairs of one person, {each.negatives:,} of two; {each.persons:,} people\n"
            f"  threshold {each.threshold:.4f} at a false-accept rate of {each.far:g}\n"
            f"  people held out: false-accept rate {held['far']:.2g}, true-accept rate {held['tar']:.1%}, "
            f"calibration error {held['calibration_error']:.3f}"
        )
    for fault in faults:
        print(f"not calibrated: {fault}")
    print(f"Saved to {path}")


def _of_index(gallery: Gallery, args: argparse.Namespace) -> Iterator[tuple[str, LabelledPairs]]:
    """Pairs of the pictures whose people are known, by their modalities."""
    mask = gallery.mask(filter_of(args))
    pids, cameras, modalities = (
        np.array(gallery.column(name).to_pylist(), dtype=object) for name in ("pid", "camera", "modality")
    )
    mask &= ~np.isin(pids.astype(str), args.ignore) & (pids != None)  # noqa: E711 -- elementwise
    sides = {}
    for modality in MODALITIES:
        rows = np.flatnonzero(mask & (modalities == modality.value))
        if len(rows):
            seen = [camera or "" for camera in cameras[rows]]
            sides[(modality,)] = Labelled(gallery.vectors[torch.from_numpy(rows)], pids[rows].tolist(), seen)
    for number, (query, side) in enumerate(sides.items()):
        for other, second in list(sides.items())[: number + 1]:
            yield direction_of(query, other), pairs_among(side, None if query == other else second)


def _of_list(args: argparse.Namespace, model: ReIDModel) -> Iterator[tuple[str, LabelledPairs]]:
    """Pairs of a CSV file, whose paths are below its folder or ``--root``."""
    listed, modality = read_pairs(args.pairs), Modality.named(args.modality)
    root = os.path.abspath(args.root or os.path.dirname(os.path.abspath(args.pairs)))
    files = [os.path.join(root, path) for path in listed.paths]
    for file in files:
        if not lies_below(file, root):
            raise CalibrationError(f"{args.pairs}: {file!r} does not lie below {root!r}; give --root.")
    features = model.encode([{modality.value: file} for file in files], progress=True)
    yield direction_of((modality,), (modality,)), scored_pairs(listed, features)


def _of_features(folder: Path, model: ReIDModel) -> Iterator[tuple[str, LabelledPairs]]:
    """Pairs of the queries and the gallery of a target, from the folder of ``aio-reid extract``."""
    sides = [_sides(folder, part, model) for part in ("query", "gallery")]
    for query, side in sides[0].items():
        for other, second in sides[1].items():
            yield f"{query} -> {other}", pairs_among(side, second)


def _sides(folder: Path, part: str, model: ReIDModel) -> dict[str, Labelled]:
    """The items of one part by their modalities."""
    try:
        facts = read_json(folder / f"{part}.json")
        lines: list[Any] = [json.loads(line) for line in text_lines(folder / f"{part}.items.jsonl")]
        features = np.load(folder / f"{part}.npy", mmap_mode="r", allow_pickle=False)
        if facts["rows_done"] != len(features) or len(lines) != len(features):
            raise ValueError(f"{facts['rows_done']} of {len(features)} rows are computed; finish the extraction")
        if facts["weights_sha256"] != state_digest(tested_part(model.model)):
            raise ValueError("the features are of another model than --weights")
        rows: dict[str, list[int]] = defaultdict(list)
        for number, line in enumerate(lines):
            rows[format_combination(tuple(map(Modality.named, line["media"])))].append(number)
        return {
            name: Labelled(
                torch.from_numpy(np.asarray(features[some], np.float32)),
                [str(lines[row]["pid"]) for row in some],
                [str(lines[row]["camid"]) if _has_camera(lines[row]) else "" for row in some],
            )
            for name, some in rows.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, AIOError):
            raise
        raise CalibrationError(f"{folder}: no features of {part} ({error}); run `aio-reid extract` again.") from error


def _has_camera(line: Any) -> bool:
    return all(Modality.named(name).has_camera for name in line["media"])
