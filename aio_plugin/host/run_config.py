"""The config of a run, and how it reaches what torchreid builds.

The data manager is built from a config and keeps it as ``config``. Its ``num_train_pids``, all that torchreid's
scripts give to the model builder, takes the config along; the model hands it to its optimizer and its engine. Where
torchreid hands over no such object, the :class:`Session` says which config is meant.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import nn
from yacs.config import CfgNode

from ..config import AIOConfig, parse_config
from ..datasets import ADAPTERS
from ..models.specs import NAMES
from ..options import DatasetOptions
from .default_config import ARGUMENTS, flattened

if TYPE_CHECKING:
    from ..heads.vocabulary import Vocabulary


def dataset_options() -> DatasetOptions:
    """The options of every dataset."""
    return {name: adapter.options for name, adapter in ADAPTERS.items()}


class RunConfig:
    """A config of torchreid with its ``aio`` node; a reference, so that later edits of a merged config are seen.

    Args:
        values: the config, whole or in part.
        node: the ``aio`` node where ``values`` has none; None means the defaults.
    """

    def __init__(self, values: Mapping[str, Any], node: CfgNode | None = None) -> None:
        self._values, self._node = values, node

    def snapshot(self) -> RunConfig:
        """A copy that later edits do not reach, as another run may be made from the edited config."""
        return RunConfig(copy.deepcopy(self._values), copy.deepcopy(self._node))

    def options(self) -> AIOConfig:
        """The ``aio`` node as it is now.

        Raises:
            ConfigError: the node was changed to a value that is not accepted.
        """
        return parse_config(self._values.get("aio", self._node) or {}, dataset_options())

    def setting(self, name: str, default: Any) -> Any:
        """The value of one of torchreid's keys, such as ``"train.seed"``; ``default`` where the config lacks it."""
        value: Any = self._values
        for part in name.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return default
            value = value[part]
        return value

    def settings(self) -> dict[str, Any]:
        """Every one of torchreid's keys, dotted, that the config has."""
        return dict(flattened({key: value for key, value in self._values.items() if key != "aio"}))

    @property
    def model(self) -> str:
        """``model.name``; empty where the config lacks it."""
        return str(self.setting("model.name", ""))

    @property
    def image_size(self) -> tuple[int, int] | None:
        """``data.height`` and ``data.width`` in pixels; None where the config lacks them."""
        height, width = self.setting("data.height", None), self.setting("data.width", None)
        return None if height is None or width is None else (int(height), int(width))

    @property
    def asks_for_aio(self) -> bool:
        """Whether the config is for an AIO model: it has an ``aio`` node or names such a model."""
        return "aio" in self._values or self.model in NAMES

    def __bool__(self) -> bool:
        return bool(self._values)

    def document(self) -> dict[str, Any]:
        """The whole config, for results."""
        return {**self._values, "aio": asdict(self.options())}


class TrainingIdentities(int):
    """Number of training identities, with what a model builder needs to know of the run and its training data.

    Everywhere else it is a plain int; arithmetic gives plain ints.

    Attributes:
        sizes: identities of every source, in the order of their labels.
        config: of the run.
        vocabulary: attribute phrases of the training captions; None unless a DMF trains with text.
        sources: the training sources as checkpoints record them; empty where the model is not to be trained.
    """

    sizes: tuple[int, ...]
    config: RunConfig
    vocabulary: Vocabulary | None
    sources: list[dict[str, Any]]

    def __new__(
        cls,
        sizes: Sequence[int],
        config: RunConfig,
        vocabulary: Vocabulary | None = None,
        sources: Sequence[dict[str, Any]] = (),
    ) -> TrainingIdentities:
        """The sum of ``sizes``."""
        self = super().__new__(cls, sum(sizes))
        self.sizes, self.config, self.vocabulary, self.sources = tuple(sizes), config, vocabulary, list(sources)
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.sizes, self.config, self.vocabulary, self.sources


class MergedConfig(NamedTuple):
    """A config that something was merged into: the dotted keys that it ``stated``, what was ``taken`` from weights."""

    ref: weakref.ref[CfgNode]
    stated: set[str]
    taken: dict[str, Any]


class Session:
    """The configs that were merged in this process, and the one given to register().

    ``ImageDataManager(**kwargs)`` and ``FeatureExtractor`` take no config, a model may be built for a plain number of
    identities, and stock data managers read our datasets by name alone.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all configs."""
        self._merged: list[MergedConfig] = []
        self._node: CfgNode | None = None
        self._latest: Mapping[str, Any] = {}
        self.registered: Mapping[str, Any] = {}

    def register(self, node: CfgNode, settings: Mapping[str, Any], stated: Mapping[str, Any]) -> None:
        """Note the ``aio`` node that register() was given, torchreid's keys beside it, and what it ``stated`` of both.

        The latter becomes the attribute ``registered``.
        """
        self._node, self._latest, self.registered = node, {**settings, "aio": node}, stated

    def merge(self, cfg: CfgNode, stated: Iterable[str]) -> MergedConfig:
        """Note a config that something was merged into, and the dotted keys that it ``stated``."""
        found = [each for each in self._merged if each.ref() is cfg] or [MergedConfig(weakref.ref(cfg), set(), {})]
        others = [each for each in self._merged if each.ref() is not None and each.ref() is not cfg]
        self._merged = [*others, *found]
        self._latest = cfg
        found[0].stated.update(stated)
        return found[0]

    def latest(self) -> RunConfig:
        """The config that was merged or given to register() last; one that is False where there is none."""
        return RunConfig(self._latest, self._node)

    def config_of(self, arguments: Mapping[str, Any]) -> RunConfig:
        """The config that an ImageDataManager's ``arguments`` were taken from.

        It is the one whose very lists they hold (torchreid's ``imagedata_kwargs(cfg)`` passes ``cfg.data.sources``
        itself), else the newest that agrees with all of them, else the latest.
        """
        keys = ARGUMENTS["image_data"]
        values = [(keys[name], value) for name, value in arguments.items() if name in keys]

        def shared_lists(config: RunConfig) -> int:
            return sum(isinstance(value, list) and value is config.setting(key, None) for key, value in values)

        living = [cfg for each in reversed(self._merged) if (cfg := each.ref()) is not None]
        configs = [self.latest(), *(RunConfig(cfg, self._node) for cfg in living)]
        origin = max(configs, key=shared_lists)
        if shared_lists(origin):
            return origin
        agreeing = (each for each in configs if all(each.setting(key, value) == value for key, value in values))
        return next(agreeing, configs[0])


session = Session()


def config_of(built: Any) -> RunConfig:
    """The config that a model or optimizer was built with; the latest for those built by hand."""
    config: RunConfig | None = getattr(unwrap(built), "run_config", None)
    return session.latest() if config is None else config


def is_aio(model: Any) -> bool:
    """Whether ``model``, or what DataParallel wraps in it, is an AIO model."""
    return bool(getattr(unwrap(model), "is_aio", False))


def unwrap(model: Any) -> Any:
    """The model without DataParallel around it."""
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    return model.module if isinstance(model, wrappers) else model
