"""What is configured right now: torchreid's config, its ``aio`` node, and what register() was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from yacs.config import CfgNode

from ..config import AIOConfig, DatasetOptions, parse_config
from ..datasets import ADAPTERS

if TYPE_CHECKING:
    from ..heads.vocabulary import Vocabulary

_ABSENT: Any = object()


def dataset_options() -> DatasetOptions:
    """The options of every dataset."""
    return {name: adapter.options for name, adapter in ADAPTERS.items()}


class Session:
    """The configuration in force.

    Attributes:
        cfg: the torchreid config that was merged last; by reference, so later edits are seen.
        given: the ``aio`` node that register() was given.
        settings: torchreid's keys that came with it.
        vocabulary: attribute phrases of the captions that were loaded last for a DMF; None where it has no text.
        sizes: training identities of every source that was loaded last, in the order of their labels.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.cfg: CfgNode | None = None
        self.given: CfgNode | None = None
        self.settings: Mapping[str, Any] = {}
        self.vocabulary: Vocabulary | None = None
        self.sizes: list[int] = []

    @property
    def node(self) -> CfgNode | None:
        """The active ``aio`` node: that of the config, else the one given to register(), else None."""
        return self.cfg["aio"] if self.cfg is not None and "aio" in self.cfg else self.given

    def options(self) -> AIOConfig:
        """The active ``aio`` node, or the defaults, as they are now.

        Raises:
            ConfigError: the node was changed to something that is not accepted.
        """
        return parse_config(self.node if self.node is not None else {}, dataset_options())

    def setting(self, name: str, default: Any) -> Any:
        """The value of one of torchreid's keys, such as ``"train.seed"``; ``default`` where no config has it."""
        value: Any = self.settings if self.cfg is None else self.cfg
        for part in name.split("."):
            value = value.get(part, _ABSENT) if isinstance(value, Mapping) else _ABSENT
        return default if value is _ABSENT else value

    def image_size(self) -> tuple[int, int] | None:
        """``data.height`` and ``data.width`` in pixels; None where no config has them."""
        height, width = self.setting("data.height", None), self.setting("data.width", None)
        return None if height is None or width is None else (int(height), int(width))


session = Session()
