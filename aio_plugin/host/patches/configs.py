"""The ``aio`` node in torchreid's yacs configs.

A config file with an ``aio`` node brings the node's defaults with it, and from then on a key that does
not exist is an error that names the nearest. A config without one is merged by yacs alone.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from yacs.config import CfgNode

from ... import config
from ...errors import ConfigError
from ..default_config import default_config
from ..run_config import dataset_options
from ..session import session
from .base import Patches

NODE = "aio"


def open_configs(patches: Patches) -> None:
    """Let every torchreid config take an ``aio`` node from files and from KEY VALUE lists."""
    stock_merge, stock_list = CfgNode.merge_from_other_cfg, CfgNode.merge_from_list

    @functools.wraps(stock_merge)
    def merge_from_other_cfg(self: CfgNode, cfg_other: CfgNode) -> None:
        if _is_torchreids(self) and NODE in cfg_other:
            rest = CfgNode({key: value for key, value in cfg_other.items() if key != NODE})
            config.check_keys(rest, self)
            node = _merged(self.get(NODE, {}), cfg_other[NODE] or {})
            stock_merge(self, rest)
            self[NODE] = node
        else:
            stock_merge(self, cfg_other)
        _adopt(self)

    @functools.wraps(stock_list)
    def merge_from_list(self: CfgNode, cfg_list: Sequence[Any]) -> None:
        keys = [str(key) for key in cfg_list[0::2]]
        if _is_torchreids(self) and (NODE in self or any(key.split(".")[0] == NODE for key in keys)):
            _merge_list(self, cfg_list, stock_list)
        else:
            stock_list(self, cfg_list)
        _adopt(self)

    patches.set_attribute(CfgNode, "merge_from_other_cfg", merge_from_other_cfg)
    patches.set_attribute(CfgNode, "merge_from_list", merge_from_list)


def read(source: Mapping[str, Any] | str | Any) -> tuple[CfgNode, Mapping[str, Any]]:
    """What register() was given, as the ``aio`` node and torchreid's keys beside it.

    Raises:
        ConfigError: the file cannot be read, is no mapping, or a key or value is wrong.
    """
    values = source if isinstance(source, Mapping) else _load(Path(source))
    if NODE not in values:
        return _merged({}, values), {}
    rest = {key: value for key, value in values.items() if key != NODE}
    config.check_keys(rest, default_config())
    return _merged({}, values[NODE] or {}), rest


def _load(path: Path) -> Mapping[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"The config {path} cannot be read: {error}. Give the path of a YAML file.") from error
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise ConfigError(f"The config {path} holds {type(values).__name__}, not keys and values.")
    return values


def _is_torchreids(cfg: CfgNode) -> bool:
    return isinstance(cfg.get("model"), CfgNode) and isinstance(cfg.get("data"), CfgNode)


def _adopt(cfg: CfgNode) -> None:
    if _is_torchreids(cfg):
        session.merge(cfg)


def _merged(base: Mapping[str, Any], values: Any) -> CfgNode:
    """The complete ``aio`` node of ``base`` with ``values``."""
    return CfgNode(asdict(config.parse_config(config.merge(base, values), dataset_options())))


def _merge_list(cfg: CfgNode, pairs: Sequence[Any], stock_list: Any) -> None:
    if len(pairs) % 2:
        raise ConfigError(f"Overrides are pairs KEY VALUE; {pairs[-1]!r} stands alone at the end.")
    known = {**cfg, NODE: _merged(cfg.get(NODE, {}), {})}
    node: Mapping[str, Any] = known[NODE]
    stock: list[Any] = []
    for key, value in zip(pairs[0::2], pairs[1::2], strict=True):
        decoded = CfgNode._decode_cfg_value(value)
        nested: Any = decoded if isinstance(decoded, Mapping) else value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        config.check_keys(nested, known)
        if NODE in nested:
            node = config.merge(node, nested[NODE])
        else:
            stock += [key, value]
    node = _merged(node, {})
    try:
        stock_list(cfg, stock)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    cfg[NODE] = node
