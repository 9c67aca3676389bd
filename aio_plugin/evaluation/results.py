"""results.json and results/<target>.json: results and what they were computed with, checked and written atomically."""

from __future__ import annotations

import datetime
import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema

from ..atomic_write import written_whole
from ..errors import AIOError
from .attributes import MaskedWords
from .environment import code, git_commit, hardware, package_versions
from .score import Result

SCHEMA = 3
READABLE = (2, 3)
LONGEST = 120
COLUMNS = ("pixels", "before", "after")
"""Features that a direction is measured with: raw pixels, and those of the model before and after training."""


def target_entry(
    target: str,
    direction: str,
    results: Mapping[str, Result | None],
    notes: Sequence[str] = (),
    synthetic: Sequence[str] = (),
    leaks: Sequence[str] = (),
    rankings: Mapping[str, str] | None = None,
    items: str | None = None,
    words: MaskedWords | None = None,
) -> dict[str, Any]:
    """One target of the document.

    Args:
        target: as data.targets names it, for example ``tri_cuhk_pedes@sketch+text``.
        direction: for example ``sketch+text -> rgb``.
        results: column -> result; None where it does not exist (captions have no pixels).
        notes: what a reader needs to know about how the data was read.
        synthetic: query modalities that were made from RGB.
        leaks: warnings of training data that overlaps with the target.
        rankings: ``file`` and ``sha256`` of the file of its rankings, see :mod:`aio_plugin.evaluation.rankings`.
        items: a sha256 over queries and gallery, see :func:`aio_plugin.datasets.items_digest.items_digest`.
        words: what the attribute decoder named of its captions.
    """
    return {
        "target": target,
        "direction": direction,
        "notes": list(notes),
        "leaks": list(leaks),
        "synthetic": list(synthetic),
        "rankings": None if rankings is None else dict(rankings),
        "items_sha256": items,
        **({"attributes": words.to_json()} if words else {}),
        "results": {column: plain(result.to_json()) if result else None for column, result in results.items()},
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
    weights: Mapping[str, Any] | None = None,
    sources: Sequence[Mapping[str, Any]] = (),
    training: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The whole document.

    Args:
        targets: see :func:`target_entry`.
        config: torchreid's config with the ``aio`` node, as plain mappings.
        torchreid: which distribution it is, for example ``torchreid 0.2.5 (torchreid.reid)``.
        encoder: ``name`` and ``sha256`` of the frozen encoder.
        sketcher: what draws synthetic sketches.
        seconds: the run, or the one test, took.
        weights: what the model was loaded with before; None if it was not.
        sources: the training data, as checkpoints record them.
        training: the number of the last ``epoch`` trained, and the means of its losses and of the state of the heads.

    Raises:
        AIOError: something does not fit the schema.
    """
    made: dict[str, Any] = {
        "schema": SCHEMA,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(float(seconds), 3),
        "seed": seed,
        "config": plain(config),
        "packages": package_versions(),
        "torchreid": torchreid,
        "commit": git_commit(),
        "code": code(),
        "hardware": hardware(),
        "encoder": dict(encoder),
        "sketcher": sketcher,
        "weights": None if weights is None else dict(weights),
        "sources": [dict(source) for source in sources],
        **({"training": dict(training)} if training else {}),
        "targets": [dict(target) for target in targets],
    }
    validate(made)
    return made


def plain(value: Any) -> Any:
    """``value`` as JSON: mappings become dicts, sequences lists, and unknown types text."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def file_name(target: str) -> str:
    """A file name that any file system takes, unique to the target: ``tri_cuhk_pedes@sketch+text`` as it is.

    If characters have to be replaced, or the name is too long, a hash of the target is appended.
    """
    safe = re.sub(r"[^A-Za-z0-9_.@+-]+", "-", target).lstrip(".")[:LONGEST]
    return safe if safe == target != "" else f"{safe}-{hashlib.sha256(target.encode()).hexdigest()[:8]}"


def write_json(document: Mapping[str, Any], path: Path) -> None:
    """Write ``document`` so that a reader sees the old file or the new one, never half of it."""
    with written_whole(path) as file:
        file.write((json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode())


def validate(document: Any) -> None:
    """Check a document against ``results.schema.json``.

    Raises:
        AIOError: names the place of the worst fault.
    """
    schema = document.get("schema") if isinstance(document, dict) else SCHEMA
    if isinstance(schema, int) and schema not in READABLE:
        known = " or ".join(map(str, READABLE))
        raise AIOError(f"results: schema {schema} is not {known}; use the version that wrote the file.")
    fault = jsonschema.exceptions.best_match(_validator().iter_errors(document))
    if fault is not None:
        raise AIOError(f"results{fault.json_path[1:]}: {fault.message[:200]}.")


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((Path(__file__).parent / "results.schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)
