"""The ``aio`` node in torchreid's yacs configs.

A config file with an ``aio`` node adds the node's defaults to the config, and from then on an unknown key is an
error that names the nearest known one. A config without the node is merged by yacs as usual. What features depend on
and an AIO config does not state is taken from the weights that it names (``model.load_weights``), if they record it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from types import ModuleType
from typing import Any

from yacs.config import CfgNode

from ... import config
from ...errors import ConfigError, printable
from ...models.feature_settings import recorded_settings
from ...models.specs import NAMES
from ...options import check_keys, merge, nested, typed
from ..default_config import default_config, flattened
from ..run_config import MergedConfig, RunConfig, dataset_options, session
from ..settings import DEFAULTS
from .base import Patches

NODE = "aio"
YAML = ("", ".yaml", ".yml")
"""Suffixes that yacs reads as YAML."""


def patch_configs(torchreid: ModuleType, patches: Patches) -> None:
    """Let every torchreid config take an ``aio`` node from files and from KEY VALUE lists."""
    stock_file, stock_merge, stock_list = CfgNode.merge_from_file, CfgNode.merge_from_other_cfg, CfgNode.merge_from_list

    @functools.wraps(stock_file)
    def merge_from_file(self: CfgNode, cfg_filename: str) -> None:
        is_yaml = _is_torchreids(self) and os.path.splitext(cfg_filename)[1] in YAML
        if not is_yaml or not _is_for_aio(self, config.load_yaml(cfg_filename)):
            return stock_file(self, cfg_filename)  # type: ignore[no-any-return]
        values = config.load_yaml(cfg_filename, unique=True)
        try:
            merge_values(self, values)
        except ConfigError as error:
            raise ConfigError(f"{cfg_filename}: {error}") from error

    def merge_values(cfg: CfgNode, values: Mapping[str, Any]) -> None:
        rest = {key: value for key, value in values.items() if key != NODE}
        check_keys(rest, cfg)
        rest = typed(rest, cfg)
        node = _merged(cfg.get(NODE, {}), values[NODE] or {}) if NODE in values else None
        stock_merge(cfg, CfgNode(rest))
        if node is not None:
            cfg[NODE] = node
        _note(cfg, (key for key, _ in flattened(values)))

    @functools.wraps(stock_merge)
    def merge_from_other_cfg(self: CfgNode, cfg_other: CfgNode) -> None:
        if not _is_torchreids(self):
            stock_merge(self, cfg_other)
        elif _is_for_aio(self, cfg_other):
            merge_values(self, cfg_other)
        else:
            stock_merge(self, cfg_other)
            _note(self, (key for key, _ in flattened(cfg_other)))

    @functools.wraps(stock_list)
    def merge_from_list(self: CfgNode, cfg_list: Sequence[Any]) -> None:
        keys = [str(key) for key in cfg_list[0::2]]
        named = {"model": {"name": dict(zip(keys, cfg_list[1::2], strict=False)).get("model.name")}}
        if _is_torchreids(self) and (any(key.split(".")[0] == NODE for key in keys) or _is_for_aio(self, named)):
            _merge_list(self, cfg_list, stock_list)
        else:
            stock_list(self, cfg_list)
        if _is_torchreids(self):
            _note(self, keys)

    patches.set_attribute(CfgNode, "merge_from_file", merge_from_file)
    patches.set_attribute(CfgNode, "merge_from_other_cfg", merge_from_other_cfg)
    patches.set_attribute(CfgNode, "merge_from_list", merge_from_list)


def _note(cfg: CfgNode, stated: Iterable[str]) -> None:
    """Note what was merged into ``cfg``; what an AIO config leaves open is taken from its model.load_weights."""
    merged = session.merge(cfg, stated)
    if RunConfig(cfg).asks_for_aio:
        _take(cfg, merged, cfg.model.load_weights)


def take_settings(cfg: CfgNode, weights: str) -> None:
    """Set what ``cfg``, as merged, leaves open to the settings that the file ``weights`` records; print them."""
    _take(cfg, session.merge(cfg, ()), weights)


def _take(cfg: CfgNode, merged: MergedConfig, weights: str) -> None:
    recorded = recorded_settings(weights) if weights else {}
    if not recorded and not merged.taken:
        return
    node = _merged(cfg.get(NODE, {}), {})
    defaults = {**DEFAULTS, **dict(flattened({NODE: _merged({}, {})}))}
    values = dict(flattened({**cfg, NODE: node}))
    left_open = [key for key in {**recorded, **merged.taken} if key in values and key not in merged.stated]
    left_open = [key for key in left_open if values[key] in (defaults[key], merged.taken.get(key, defaults[key]))]
    recorded = {key: value for key, value in recorded.items() if type(value) is type(defaults.get(key))}
    settings = {key: recorded.get(key, defaults[key]) for key in left_open}
    merged.taken.clear()
    merged.taken.update({key: value for key, value in settings.items() if value != defaults[key]})
    changed = {key: value for key, value in settings.items() if value != values[key]}
    for group, rest in nested(changed).items():
        if group == NODE:
            cfg[NODE] = _merged(node, rest)
        else:
            cfg[group].update(rest)
    if changed:
        listed = ", ".join(f"{key} {value!r}" for key, value in changed.items())
        print(printable(f'=> Settings of "{weights}", which the config leaves open: {listed}'))


def read_config(
    source: Mapping[str, Any] | str | os.PathLike[str],
) -> tuple[CfgNode, Mapping[str, Any], Mapping[str, Any]]:
    """The ``aio`` node of register()'s argument, torchreid's keys beside it, and what it states of both.

    Raises:
        ConfigError: the file cannot be read, does not contain a mapping, or a key or value is wrong.
    """
    values = source if isinstance(source, Mapping) else config.load_yaml(source, unique=True)
    if NODE not in values:
        return _merged({}, values), {}, {NODE: values}
    rest = {key: value for key, value in values.items() if key != NODE}
    check_keys(rest, default_config())
    return _merged({}, values[NODE] or {}), typed(rest, default_config()), values


def _is_torchreids(cfg: CfgNode) -> bool:
    return isinstance(cfg.get("model"), CfgNode) and isinstance(cfg.get("data"), CfgNode)


def _is_for_aio(cfg: CfgNode, values: Mapping[str, Any]) -> bool:
    """Whether ``cfg`` with ``values`` is for an AIO model."""
    group = values.get("model")
    named = group.get("name") if isinstance(group, Mapping) else None
    return NODE in values or NODE in cfg or (cfg.model.get("name") if named is None else named) in NAMES


def _merged(base: object, values: object) -> CfgNode:
    """The complete ``aio`` node of ``base`` with ``values``."""
    return CfgNode(asdict(config.parse_config(merge(base, values), dataset_options())))


def _merge_list(cfg: CfgNode, pairs: Sequence[Any], stock_list: Callable[[CfgNode, Sequence[Any]], None]) -> None:
    if len(pairs) % 2:
        raise ConfigError(f"Overrides are pairs KEY VALUE; the last key, {pairs[-1]!r}, has no value.")
    known, stock = {**cfg, NODE: _merged(cfg.get(NODE, {}), {})}, []
    changed: object = {}
    for key, value in zip(pairs[0::2], pairs[1::2], strict=True):
        decoded = _decoded(value)
        nested: Any = decoded if isinstance(decoded, Mapping) else value
        for part in reversed(str(key).split(".")):
            nested = {part: nested}
        check_keys(nested, known)
        if NODE in nested:
            changed = merge(changed, nested[NODE])
        else:
            stock += [each for pair in flattened(typed(nested, cfg)) for each in pair]
    complete = _merged(known[NODE], changed)
    try:
        stock_list(cfg, stock)
    except (RecursionError, MemoryError) as error:
        raise ConfigError("Overrides: a value is nested too deeply.") from error
    if changed or NODE in cfg:  # else what register() was given stays in force
        cfg[NODE] = complete


def _decoded(value: Any) -> Any:
    try:
        return CfgNode._decode_cfg_value(value)
    except (RecursionError, MemoryError):
        return value
