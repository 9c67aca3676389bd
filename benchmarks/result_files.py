"""Result files: checked against a schema when read and before written, with where their numbers come from."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

from aio_plugin.errors import AIOError
from aio_plugin.evaluation.environment import git_commit, hardware, package_versions

REPOSITORY = Path(__file__).parents[1]


def load(path: Path, schema: Mapping[str, Any], remedy: str) -> dict[str, Any]:
    """The JSON object at ``path``.

    Raises:
        AIOError: it is missing, not JSON or does not fit ``schema``; names the file, the first fault and the remedy.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise AIOError(f"{path}: cannot be read as JSON ({error}); {remedy}.") from error
    check(document, schema, path, remedy)
    return dict(document)


def check(document: Any, schema: Mapping[str, Any], path: Path, remedy: str) -> None:
    """Raise AIOError where ``document`` does not fit ``schema``."""
    fault = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(document))
    if fault is not None:
        raise AIOError(f"{path}: {fault.json_path}: {fault.message[:200]}; {remedy}.")


def exact_object(properties: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Schema of an object that has all ``properties``, perhaps the ``optional`` ones, and no others."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": {**properties, **(optional or {})},
        "additionalProperties": False,
    }


def list_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Schema of a list of any length."""
    return {"type": "array", "items": schema}


TEXT, OBJECT = {"type": "string"}, {"type": "object"}


def provenance() -> dict[str, Any]:
    """When, from which commit and on what this process computes."""
    return {
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": git_commit(Path(__file__)),
        "hardware": hardware(),
        "packages": package_versions(),
    }
