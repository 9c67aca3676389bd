"""results/<target>.rankings.json.gz: what every query of a target found, beside the target's results.

One compressed JSON object, columns as lists: of all queries identity, camera and media; of every trial the
queries' AP, rank of the first match and first k gallery items with their similarity; and the gallery items that are
among these: 1.5 MB for the size of MSMT17 (11,659 queries, 82,161 images). The results file names it with its SHA-256,
so that damaged files and those of another run are refused.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic_write import written_whole
from ..errors import AIOError
from ..metrics.labels import IntArray
from ..modality import Item, Media, Modality
from ..outside_files import lies_below, open_regular, parse_json, read_json
from .results import SCHEMA, validate
from .score import Result, TrialResult

SUFFIX = ".rankings.json.gz"
MOST_BYTES = 1 << 28
"""Of a rankings file, and of its text."""


def rankings_of(result: Result, root: str) -> dict[str, Any]:
    """The rankings of a result, as the file holds them.

    Args:
        result: scored with ``topk``.
        root: data root; media below it are named relative to it.
    """
    tops = [_gallery_positions(each) for each in result.trials]
    used = np.unique(np.concatenate([row for top in tops for row in top]))
    return {
        "schema": SCHEMA,
        "query": _columns(result.query, root),
        "gallery": _columns([result.gallery[index] for index in used], root),
        "trials": [_trial(result, each, top, used) for each, top in zip(result.trials, tops, strict=True)],
    }


def _gallery_positions(each: TrialResult) -> list[IntArray]:
    """For every query the positions of its top k among all gallery items."""
    return [each.trial.gallery[row[row >= 0]] for row in each.retrieval.top.numpy()]


def _trial(result: Result, each: TrialResult, tops: Sequence[IntArray], used: IntArray) -> dict[str, Any]:
    trial, retrieval = each.trial, each.retrieval
    cosines = result.similarity(retrieval)
    rows = None if cosines is None else cosines.double().numpy().round(4).tolist()
    return {
        "trial": trial.name,
        "query": trial.query.tolist(),
        "parts": None if trial.parts is None else [part.tolist() for part in trial.parts],
        "ap": [None if ap != ap else round(ap, 6) for ap in retrieval.ap.tolist()],
        "first_rank": retrieval.first_rank.tolist(),
        "top": [np.searchsorted(used, top).tolist() for top in tops],
        "similarity": rows and [row[: len(top)] for row, top in zip(rows, tops, strict=True)],
    }


def _columns(items: Sequence[Item], root: str) -> dict[str, list[Any]]:
    return {
        "pid": [int(item.pid) for item in items],
        "camid": [int(item.camid) for item in items],
        "media": [[_medium(part, root) for part in item.media.parts] for item in items],
    }


def _medium(medium: Media, root: str) -> dict[str, Any]:
    path = str(medium).removeprefix(os.path.join(root, "")) if root else str(medium)
    entry: dict[str, Any] = {"path": path, "modality": medium.modality.value}
    optional = {"caption": medium.caption, "synthetic": medium.synthetic or None}
    return {**entry, **{key: value for key, value in optional.items() if value is not None}}


def item_of(columns: Mapping[str, Sequence[Any]], indices: Sequence[int]) -> Item:
    """The item at the first of ``indices``, with the media of all.

    Raises:
        ModalityError: one of its modalities is not registered.
    """
    parts = (
        Media(each["path"], Modality.named(each["modality"]), each.get("caption"), (), each.get("synthetic", False))
        for index in indices
        for each in columns["media"][index]
    )
    return Item(Media.joined(parts), columns["pid"][indices[0]], columns["camid"][indices[0]])


def write_rankings(rankings: Mapping[str, Any], path: Path) -> str:
    """Write the file whole or not at all; returns its SHA-256."""
    text = json.dumps(rankings, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    content = gzip.compress(text.encode("utf-8", "surrogatepass"), mtime=0)
    with written_whole(path) as file:
        file.write(content)
    return hashlib.sha256(content).hexdigest()


def read_results(path: Path) -> dict[str, Any]:
    """The results document at ``path``.

    Raises:
        AIOError: it is missing, not JSON, or not of the schema; names the file and the fault.
    """
    try:
        document: dict[str, Any] = read_json(path)
    except (OSError, ValueError) as error:
        raise AIOError(
            f"{path}: cannot be read as JSON ({error}). Give a results.json or results/<target>.json."
        ) from error
    try:
        validate(document)
    except AIOError as error:
        raise AIOError(f"{path}: {error}") from error
    return document


def read_rankings(path: Path, target: Mapping[str, Any]) -> dict[str, Any]:
    """The rankings of a target.

    Args:
        path: of the results document.
        target: its entry in the document.

    Raises:
        AIOError: there are none, or the file is missing, damaged or of another run; says what to do.
    """
    again = "test again with this version: the same command with `test.evaluate True model.load_weights CHECKPOINT`"
    if target.get("rankings") is None:
        raise AIOError(f"{path}: it has no rankings of {target['target']} (files of schema 2 never have); {again}.")
    file = path.parent / target["rankings"]["file"]
    if not lies_below(str(file), str(path.parent)):
        raise AIOError(f"{path}: its rankings {str(file)!r} do not lie beside it. Copy them there, or {again}.")
    try:
        with open_regular(file, MOST_BYTES) as stream:
            content = stream.read(MOST_BYTES)
    except OSError as error:
        raise AIOError(f"{file}: cannot be read ({error}). It belongs to {path}; copy it there, or {again}.") from error
    if hashlib.sha256(content).hexdigest() != target["rankings"]["sha256"]:
        raise AIOError(f"{file}: it is damaged or of another run than {path}; copy both again, or {again}.")
    try:
        unpacking = zlib.decompressobj(wbits=31)  # of gzip's form
        rankings: dict[str, Any] = parse_json(unpacking.decompress(content, MOST_BYTES))
    except (zlib.error, ValueError) as error:
        raise AIOError(f"{file}: it is damaged, or unpacks to more than {MOST_BYTES:,} bytes ({error}).") from error
    return rankings
