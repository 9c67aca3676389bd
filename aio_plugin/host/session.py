"""Which config is meant where torchreid hands over no object of a run.

``ImageDataManager(**kwargs)`` and ``FeatureExtractor`` take no config, a model may be built for a plain number of
identities, and stock data managers read our datasets by name alone. This module, and no other, knows the configs that
were merged in this process and the one given to register().
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from yacs.config import CfgNode

from .default_config import ARGUMENTS
from .run_config import RunConfig, unwrap


class Session:
    """The configs of this process."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all configs."""
        self._merged: list[weakref.ref[CfgNode]] = []
        self._node: CfgNode | None = None
        self._latest: Mapping[str, Any] = {}

    def register(self, node: CfgNode, settings: Mapping[str, Any]) -> None:
        """Note the ``aio`` node that register() was given, and torchreid's keys beside it."""
        self._node, self._latest = node, {**settings, "aio": node}

    def merge(self, cfg: CfgNode) -> None:
        """Note a config that something was merged into."""
        living = [each for each in self._merged if each() is not None and each() is not cfg]
        self._merged, self._latest = [*living, weakref.ref(cfg)], cfg

    def latest(self) -> RunConfig:
        """The config that was merged or given to register() last; one that is False where there is none."""
        return RunConfig(self._latest, self._node)

    def config_of(self, arguments: Mapping[str, Any]) -> RunConfig:
        """The config that an ImageDataManager's ``arguments`` were taken from.

        It is the one whose very lists they hold (torchreid's ``imagedata_kwargs(cfg)`` passes ``cfg.data.sources``
        itself), else the newest that agrees with all of them, else the latest.
        """
        living = [cfg for each in reversed(self._merged) if (cfg := each()) is not None]
        configs = [self.latest(), *(RunConfig(cfg, self._node) for cfg in living)]
        origin = max(configs, key=lambda config: _shared_lists(config, arguments))
        if _shared_lists(origin, arguments):
            return origin
        return next((config for config in configs if _agrees(config, arguments)), configs[0])


def _shared_lists(config: RunConfig, arguments: Mapping[str, Any]) -> int:
    return sum(isinstance(value, list) and value is _value(config, name) for name, value in arguments.items())


def _agrees(config: RunConfig, arguments: Mapping[str, Any]) -> bool:
    return all(_value(config, name, value) == value for name, value in arguments.items())


def _value(config: RunConfig, argument: str, default: Any = None) -> Any:
    key = ARGUMENTS["image_data"].get(argument)
    return config.setting(key, default) if key else default


session = Session()


def config_of(built: Any) -> RunConfig:
    """The config that a model or optimizer was built with; the latest for those built by hand."""
    config: RunConfig | None = getattr(unwrap(built), "run_config", None)
    return session.latest() if config is None else config
