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
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic_write import written_whole
from ..errors import AIOError
from ..metrics.ranking import IntArray
from ..modality import Item, Media, Modality
from .results import SCHEMA, validate
from .score import Result, TrialResult

SUFFIX = ".rankings.json.gz"


def rankings_of(result: Result, root: str) -> dict[str, Any]:
    """The rankings of a result, as the file holds them.

    Args:
        result: scored with ``topk``.
        root: data root; media below it are named relative to it.
    """
    tops = [_gallery_positions(each) for each in result.trials]
    used = np.unique(np.concatenate([top.ravel() for top in tops]))
    used = used[used >= 0]
    return {
        "schema": SCHEMA,
        "query": _columns(result.query, root),
        "gallery": _columns([result.gallery[index] for index in used], root),
        "trials": [
            _trial(result, each, np.where(top >= 0, np.searchsorted(used, top), -1))
            for each, top in zip(result.trials, tops, strict=True)
        ],
    }


def _gallery_positions(each: TrialResult) -> IntArray:
    """(Q, k) positions of the top k among all gallery items, -1 where there are fewer."""
    top = each.retrieval.top.numpy()
    return np.where(top >= 0, each.trial.gallery[top], -1)


def _trial(result: Result, each: TrialResult, top: IntArray) -> dict[str, Any]:
    trial, retrieval = each.trial, each.retrieval
    similarity = result.similarity(retrieval)
    ap = [
        round(value, 6) if valid else None for value, valid in zip(retrieval.ap.tolist(), retrieval.valid, strict=True)
    ]
    return {
        "trial": trial.name,
        "query": trial.query.tolist(),
        "parts": None if trial.parts is None else [part.tolist() for part in trial.parts],
        "ap": ap,
        "first_rank": retrieval.first_rank.tolist(),
        "top": [[index for index in row if index >= 0] for row in top.tolist()],
        "similarity": None if similarity is None else similarity.double().numpy().round(4).tolist(),
    }


def _columns(items: Iterable[Item], root: str) -> dict[str, list[Any]]:
    items = list(items)
    return {
        "pid": [int(item.pid) for item in items],
        "camid": [int(item.camid) for item in items],
        "media": [[_medium(part, root) for part in item.media.parts] for item in items],
    }


def _medium(medium: Media, root: str) -> dict[str, Any]:
    path = str(medium)
    entry: dict[str, Any] = {"path": path.removeprefix(f"{root.rstrip('/')}/") if root else path}
    entry["modality"] = medium.modality.value
    if medium.caption is not None:
        entry["caption"] = medium.caption
    if medium.synthetic:
        entry["synthetic"] = True
    return entry


def item_of(columns: Mapping[str, Sequence[Any]], indices: Sequence[int]) -> Item:
    """The item at the first of ``indices``, with the media of all.

    Raises:
        ModalityError: one of its modalities is not registered.
    """
    first, *others = (
        Media(each["path"], Modality.named(each["modality"]), each.get("caption"), (), each.get("synthetic", False))
        for index in indices
        for each in columns["media"][index]
    )
    media = Media(str(first), first.modality, first.caption, others, first.synthetic)
    return Item(media, columns["pid"][indices[0]], columns["camid"][indices[0]])


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
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
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
    try:
        content = file.read_bytes()
    except OSError as error:
        raise AIOError(f"{file}: cannot be read ({error}). It belongs to {path}; copy it there, or {again}.") from error
    if hashlib.sha256(content).hexdigest() != target["rankings"]["sha256"]:
        raise AIOError(f"{file}: it is damaged or of another run than {path}; copy both again, or {again}.")
    rankings: dict[str, Any] = json.loads(gzip.decompress(content))
    return rankings
