"""The datasets of this package in torchreid's table of image datasets."""

from __future__ import annotations

import functools
import os
from types import ModuleType
from typing import Any

from ...datasets import ADAPTERS, Splits
from ...errors import HostError
from ..run_config import session
from ..torchreid_import import image_datasets
from .base import Patches


def patch_datasets(torchreid: ModuleType, patches: Patches) -> None:
    """Add every adapter to torchreid's image datasets, and those that are registered later.

    Raises:
        HostError: a name is taken.
    """
    table = image_datasets()
    added: set[str] = set()
    cache: dict[str, tuple[Any, Splits]] = {}

    def build(name: str, root: str = "", **options: Any) -> Any:
        from ..adapter_dataset import AdapterDataset

        key = os.path.realpath(os.path.expanduser(root)), dict(session.latest().options().datasets[name])
        if name not in cache or cache[name][0] != key:  # torchreid builds a dataset once and twice a target
            cache[name] = key, ADAPTERS[name].read(*key, None)
        return AdapterDataset(name, cache[name][1], **options)

    def update(name: str) -> None:
        cache.pop(name, None)
        if name not in ADAPTERS:
            added.discard(name)
            table.pop(name, None)
        elif name not in added:
            if name in table:
                raise HostError(
                    f"torchreid has a dataset {name!r} already; call register() first and rename the other."
                )
            patches.set_item(table, name, functools.partial(build, name))
            added.add(name)

    for name in ADAPTERS:
        update(name)
    patches.callback(ADAPTERS.subscribe(update))
