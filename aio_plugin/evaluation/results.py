"""results.json and results/<target>.json: what was found and what with, checked and written whole or not at all."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..atomic_write import written_whole
from ..errors import AIOError
from .environment import git_commit, hardware, package_versions
from .score import Result

SCHEMA = 2
LONGEST = 120
COLUMNS = ("pixels", "before", "after")
"""What a direction is measured with: raw pixels, and features before and after training."""

_NUMBERS = {"mAP": float, "mINP": float, "chance": float}
_RESULT: dict[str, Any] = {
    "protocol": str,
    "cmc": str,
    "metric": str,
    "num_trials": int,
    "num_query": int,
    "num_valid": int,
    "mean": _NUMBERS,
    "std": _NUMBERS,
    "trials": [{"trial": str, "num_query": int, "num_valid": int, "num_gallery": int, **_NUMBERS}],
}
_RESULT["variants"] = [_RESULT]
_DOCUMENT = {
    "schema": int,
    "created": str,
    "seconds": float,
    "seed": int,
    "config": dict,
    "packages": dict,
    "torchreid": str,
    "commit": (str, type(None)),
    "hardware": {"platform": str, "processor": str, "cores": int, "gpus": [str]},
    "encoder": {"name": str, "sha256": str},
    "sketcher": str,
    "targets": [
        {
            "target": str,
            "direction": str,
            "notes": [str],
            "leaks": [str],
            "synthetic": [str],
            "results": dict,
        }
    ],
}


def target_entry(
    target: str,
    direction: str,
    results: Mapping[str, Result | None],
    notes: Sequence[str] = (),
    synthetic: Sequence[str] = (),
    leaks: Sequence[str] = (),
) -> dict[str, Any]:
    """One target of the document.

    Args:
        target: as data.targets names it, for example ``tri_cuhk_pedes@sketch+text``.
        direction: for example ``sketch+text -> rgb``.
        results: column -> result; None where it cannot be had (captions have no pixels).
        notes: what a reader has to know of how the data was read.
        synthetic: query modalities that were made from RGB.
        leaks: warnings of training data that overlaps with the target.
    """
    found = {column: result.to_json() if result else None for column, result in results.items()}
    return {
        "target": target,
        "direction": direction,
        "notes": list(notes),
        "leaks": list(leaks),
        "synthetic": list(synthetic),
        "results": found,
    }


def document(
    targets: Sequence[Mapping[str, Any]],
    *,
    config: Mapping[str, Any],
    seed: int,
    torchreid: str,
    encoder: Mapping[str, str],
    sketcher: str,
    seconds: float,
) -> dict[str, Any]:
    """The whole document.

    Args:
        targets: see :func:`target_entry`.
        config: torchreid's config with the ``aio`` node, as plain mappings.
        torchreid: which distribution it is, for example ``torchreid 0.2.5 (torchreid.reid)``.
        encoder: ``name`` and ``sha256`` of the frozen encoder.
        sketcher: what draws synthetic sketches.
        seconds: the run, or the one test, took.

    Raises:
        AIOError: something does not fit the schema.
    """
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(float(seconds), 3),
        "seed": seed,
        "config": plain(config),
        "packages": package_versions(),
        "torchreid": torchreid,
        "commit": git_commit(Path(__file__).parent),
        "hardware": hardware(),
        "encoder": dict(encoder),
        "sketcher": sketcher,
        "targets": [dict(target) for target in targets],
    }
    validate(found)
    return found


def plain(value: Any) -> Any:
    """``value`` as JSON has it: mappings to dicts, sequences to lists, whatever else is unknown to text."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def file_name(target: str) -> str:
    """A name that any file system takes, another one for every target: ``tri_cuhk_pedes@sketch+text`` as it is.

    Where something has to be replaced, or the name is too long, a hash of the target is appended.
    """
    safe = re.sub(r"[^A-Za-z0-9_.@+-]+", "-", target).lstrip(".")[:LONGEST]
    return safe if safe == target != "" else f"{safe}-{hashlib.sha256(target.encode()).hexdigest()[:8]}"


def write_json(found: Mapping[str, Any], path: Path) -> None:
    """Write ``found`` so that a reader sees the old file or the new one, never half of it."""
    with written_whole(path) as file:
        file.write((json.dumps(found, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode())


def validate(found: Any) -> None:
    """Check a document against the schema.

    Raises:
        AIOError: names the first place that is missing, unknown or of the wrong type.
    """
    _check(found, _DOCUMENT, "results")
    if found["schema"] != SCHEMA:
        raise AIOError(f"results: schema {found['schema']} is not {SCHEMA}; use the version that wrote the file.")
    for index, target in enumerate(found["targets"]):
        for column, result in target["results"].items():
            where = f"results.targets[{index}].results.{column}"
            if column not in COLUMNS:
                raise AIOError(f"{where}: unknown column; known are {', '.join(COLUMNS)}.")
            if result is not None:
                _check(result, _RESULT, where)
                _check_fractions(result, where)


def _check(value: Any, expected: Any, where: str) -> None:
    if isinstance(expected, dict):
        _check(value, dict, where)
        for key, inner in expected.items():
            if key not in value:
                raise AIOError(f"{where}: {key!r} is missing.")
            _check(value[key], inner, f"{where}.{key}")
        unknown = [key for key in value if key not in expected and not key.startswith("rank-")]
        if unknown:
            raise AIOError(f"{where}: {unknown[0]!r} is unknown.")
    elif isinstance(expected, list):
        _check(value, list, where)
        for index, each in enumerate(value):
            _check(each, expected[0], f"{where}[{index}]")
    elif not isinstance(value, (int, float) if expected is float else expected) or (
        isinstance(value, bool) and expected is not bool
    ):
        raise AIOError(f"{where}: must be {getattr(expected, '__name__', 'text or null')}, got {value!r}.")


def _check_fractions(result: Mapping[str, Any], where: str) -> None:
    for key, value in result["mean"].items():
        if not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise AIOError(f"{where}.mean.{key}: must be a fraction between 0 and 1, got {value!r}.")
    for index, variant in enumerate(result["variants"]):
        _check_fractions(variant, f"{where}.variants[{index}]")
