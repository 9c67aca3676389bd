"""Adapters as torchreid image datasets, so that torchreid's own models and data managers read them too.

AIO's data manager reads adapters itself. These classes serve stock managers and engines, which know
nothing but images: they train on the images of every modality and refuse queries that are not one image.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from ...datasets import ADAPTERS
from ...datasets.base import Adapter, Splits
from ...errors import ConfigError, HostError
from ...modality import Item, Media
from ..session import session
from ..torchreid_import import import_torchreid
from .base import Patches

Row = tuple[Media, int, int, int]
_BLANK: Row = (Media(""), -1, -1, 0)  # torchreid's constructor looks at the first entry of every list


def patch_datasets(torchreid: ModuleType, patches: Patches) -> None:
    """Add every adapter to torchreid's image datasets, those that are registered later too.

    Raises:
        HostError: a name is taken.
    """
    registry = sys.modules[torchreid.data.register_image_dataset.__module__]
    known, ours = vars(registry)["__image_datasets"], set[str]()

    def update(name: str) -> None:
        dataset_class.cache_clear()
        _cache.pop(name, None)
        if name not in ADAPTERS:
            ours.discard(name)
            known.pop(name, None)
        elif name not in ours:
            if name in known:
                raise HostError(
                    f"torchreid has a dataset {name!r} already; call register() first and rename the other."
                )
            patches.set_item(known, name, functools.partial(_build, name))
            ours.add(name)

    for name in ADAPTERS:
        update(name)
    patches.on_undo(ADAPTERS.subscribe(update))
    patches.on_undo(_cache.clear)


@functools.cache
def dataset_class(name: str) -> type:
    """The ``torchreid.data.ImageDataset`` subclass of the adapter called ``name``."""
    adapter, base = ADAPTERS[name], import_torchreid().data.ImageDataset

    def __init__(
        self: Any,
        root: str = "",
        transform: Any = None,
        k_tfm: int = 1,
        mode: str = "train",
        combineall: bool = False,
        verbose: bool = True,
        **others: Any,
    ) -> None:
        if combineall:
            raise ConfigError(f"data.combineall: {name} has no published combined split; set it to False.")
        rows = _rows(adapter, root, mode)
        filled = [part or [_BLANK] for part in rows]
        base.__init__(self, *filled, transform=transform, k_tfm=k_tfm, mode=mode, verbose=False)
        self.train, self.query, self.gallery = rows
        self.data = getattr(self, mode)
        if verbose:
            self.show_summary()

    def __getitem__(self: Any, index: int) -> dict[str, Any]:
        from ...training.media import read_image

        path, pid, camid, dsetid = self.data[index]
        image = read_image(path)  # torchreid's own tries an unreadable file for ever
        if self.transform is not None:
            image = self._transform_image(self.transform, self.k_tfm, image)
        return {"img": image, "pid": pid, "camid": camid, "impath": path, "dsetid": dsetid}

    def __reduce__(self: Any) -> tuple[Any, ...]:
        return _blank, (name,), self.__dict__

    methods = (__init__, __getitem__, __reduce__)
    return type(name, (base,), {"__doc__": f"{name} by its images.", **{m.__name__: m for m in methods}})


def _build(name: str, **options: Any) -> Any:
    return dataset_class(name)(**options)


def _blank(name: str) -> Any:
    """An instance to unpickle into: the class is made on the fly, workers look it up by the adapter's name."""
    return object.__new__(dataset_class(name))


_cache: dict[str, tuple[Any, Splits]] = {}


def _read(adapter: Adapter, root: str) -> Splits:
    """The adapter's splits; torchreid builds a dataset once and twice a target, the disk is read once."""
    options = dict(session.latest().options().datasets[adapter.name])
    key = (os.path.realpath(os.path.expanduser(root)), options)
    if adapter.name not in _cache or _cache[adapter.name][0] != key:
        _cache[adapter.name] = key, adapter.read(key[0], options, None)
    return _cache[adapter.name][1]


def _rows(adapter: Adapter, root: str, mode: str) -> tuple[list[Row], list[Row], list[Row]]:
    """torchreid's three lists. ``mode`` says which of them will be used, and must be filled and stock-readable."""
    splits = _read(adapter, root)
    parts: dict[str, Sequence[Item]] = {
        "train": [item for item in splits.train if item.media.modality.is_image],
        "query": splits.query,
        "gallery": splits.gallery,
    }
    if mode in parts and not parts[mode]:
        use = "use it as a target" if mode == "train" else "it is for training only"
        raise ConfigError(f"{adapter.name} has no {mode} list for torchreid's own models; {use}.")
    for item in parts[mode] if mode in ("query", "gallery") else ():
        if item.media.partners or not item.media.modality.is_image:
            raise HostError(
                f"{adapter.name} is searched with more than single images (its first {mode} item is of "
                f"{'+'.join(str(part.modality) for part in item.media.parts)}), which torchreid's own models cannot "
                "read. Choose an AIO model and give the config an `aio:` node."
            )
    train, query, gallery = ([(i.media, i.pid, i.camid, 0) for i in part] for part in parts.values())
    return train, query, gallery
