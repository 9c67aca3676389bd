"""The ``aio`` config node: made of the keys' defaults, merged with a user's values, checked."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from yacs.config import CfgNode

from .errors import ConfigError, ModalityError, nearest
from .keys import CHOICES, KEYS
from .modality import Combination, Modality, format_combination, parse_combination


def defaults(datasets: Mapping[str, Mapping[str, Any]] | None = None) -> CfgNode:
    """The ``aio`` node with every default; ``datasets`` maps dataset names to their options."""
    node = CfgNode()
    for key in KEYS:
        *path, leaf = key.name.split(".")
        at = node
        for part in path:
            at = at.setdefault(part, CfgNode())
        at[leaf] = list(key.default) if isinstance(key.default, list) else key.default
    node["datasets"] = CfgNode({name: CfgNode(dict(options)) for name, options in (datasets or {}).items()})
    return node


def build(values: Mapping[str, Any], datasets: Mapping[str, Mapping[str, Any]] | None = None) -> CfgNode:
    """The ``aio`` node with ``values`` merged into the defaults; raises what :func:`merge` raises."""
    return merge(defaults(datasets), values)


def merge(node: CfgNode, values: Any) -> CfgNode:
    """Merge ``values`` into ``node``, an ``aio`` node, and return it.

    Raises:
        ConfigError: a key is unknown (the message names the nearest), or a value is of the wrong type or not
            one of its key's choices.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"Config key 'aio' is a group of keys, got {values!r}.")
    check_keys(values, node, "aio")
    try:
        node.merge_from_other_cfg(CfgNode(_typed(values, node)))
    except ValueError as error:
        raise ConfigError(f"aio: {error}") from error
    check_choices(node)
    return node


def check_keys(values: Mapping[str, Any], known: Mapping[str, Any], prefix: str = "") -> None:
    """Raise ConfigError for the first key of ``values`` that ``known`` lacks, naming the nearest."""
    for key, value in values.items():
        where = f"{prefix}.{key}" if prefix else str(key)
        if key not in known:
            elsewhere = [full for full in _paths(known, prefix) if full.rsplit(".", 1)[-1] == key]
            guess = f" Did you mean {elsewhere[0]!r}?" if elsewhere else _nearest_key(where, known, prefix)
            raise ConfigError(f"Unknown config key {where!r}.{guess}")
        if isinstance(known[key], Mapping):
            if not isinstance(value, Mapping):
                raise ConfigError(f"Config key {where!r} is a group of keys, got {value!r}.")
            check_keys(value, known[key], where)


def check_choices(node: CfgNode) -> None:
    """Raise ConfigError for a value that is not one of its key's choices."""
    for name, choices in CHOICES.items():
        value: Any = node
        for part in name.split("."):
            value = value[part]
        if value not in choices:
            raise ConfigError(f"aio.{name} is {value!r}.{nearest(str(value), choices)}")
    modalities(node)
    low, high = node.multimodal.min, node.multimodal.max
    if not 1 <= low <= high:
        raise ConfigError(f"aio.multimodal: need 1 <= min <= max, got min {low} and max {high}.")
    if not 0 < node.classifier.fraction <= 1:
        raise ConfigError(f"aio.classifier.fraction is {node.classifier.fraction}; set it above 0 and at most to 1.")
    if node.train.accumulate < 1:
        raise ConfigError(f"aio.train.accumulate is {node.train.accumulate}; set it to 1, or to more parts of a batch.")
    if node.train.clip_norm < 0:
        raise ConfigError(f"aio.train.clip_norm is {node.train.clip_norm}; set it above 0, or to 0 for no clipping.")
    for name in ("drop_text", "drop_path"):
        if not 0 <= node.dmf[name] < 1:
            raise ConfigError(f"aio.dmf.{name} is {node.dmf[name]}; it is a probability, 0 or more and below 1.")
    if node.dmf.phrases < 1:
        raise ConfigError(f"aio.dmf.phrases is {node.dmf.phrases}; set it to 1 or more, or aio.modalities to [rgb].")


def modalities(node: CfgNode) -> Combination:
    """``aio.modalities`` in the order of modalities.

    Raises:
        ConfigError: a name is unknown or stands twice, or rgb is not among them.
    """
    names = node.modalities
    try:
        found = parse_combination("+".join(map(str, names)))
    except ModalityError as error:
        raise ConfigError(f"aio.modalities: {error}") from error
    if Modality.RGB not in found:
        raise ConfigError(
            f"aio.modalities is {format_combination(found)}, but every model binds the others to rgb; add rgb."
        )
    return found


def _nearest_key(where: str, known: Mapping[str, Any], prefix: str) -> str:
    paths = sorted(_paths(known, prefix))
    match = difflib.get_close_matches(where, paths, n=1, cutoff=0.5)
    if match:
        return f" Did you mean {match[0]!r}?"
    return f" Known there: {', '.join(sorted(map(str, known)))}."


def _paths(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in node.items():
        where = f"{prefix}.{key}" if prefix else str(key)
        yield where
        if isinstance(value, Mapping):
            yield from _paths(value, where)


def _typed(values: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` as plain dicts, whole numbers made floats where the default is one (yacs tells them apart)."""
    typed: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            value = _typed(value, known[key])
        elif isinstance(known[key], float) and type(value) is int:
            value = float(value)
        typed[key] = value
    return typed
