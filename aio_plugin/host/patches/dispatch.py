"""torchreid's data manager and image engines, giving way to AIO's where AIO is asked for.

What stands in torchreid's place is a subclass that is never instantiated: a call gives AIO's class or
the stock class itself. Subclasses that users derive from it behave as if derived from the stock class.
"""

from __future__ import annotations

import abc
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ...datasets import ADAPTERS
from ...errors import HostError
from ...models.registry import NAMES
from ...training import distributed
from ..session import session
from .base import Patches
from .models import is_aio

Choice = Callable[[Mapping[str, Any]], "type | None"]


class _Dispatching(abc.ABCMeta):
    """Calls and type checks of the class in torchreid's place; ABCMeta, so that users may mix in an ABC."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        stock: Any = cls.__dict__.get("_stock")
        if stock is None:  # a user's subclass
            return super().__call__(*args, **kwargs)
        try:
            arguments = inspect.signature(stock).bind(*args, **kwargs).arguments
        except TypeError:
            return stock(*args, **kwargs)  # raises, in torchreid's own words
        ours = cls.__dict__["_choose"](arguments)
        return stock(*args, **kwargs) if ours is None else ours(**arguments)

    def __instancecheck__(cls, instance: Any) -> bool:
        stock: Any = cls.__dict__.get("_stock")
        return super().__instancecheck__(instance) if stock is None else isinstance(instance, stock)

    def __subclasscheck__(cls, subclass: type) -> bool:
        stock: Any = cls.__dict__.get("_stock")
        return super().__subclasscheck__(subclass) if stock is None else issubclass(subclass, stock)


def open_data_manager(torchreid: Any, patches: Patches) -> None:
    """Put the dispatching class in place of ``torchreid.data.ImageDataManager``."""
    stock = torchreid.data.ImageDataManager

    def choose(given: Mapping[str, Any]) -> type | None:
        return _data_manager_class(stock) if _wants_aio(given) else None

    patches.set_attribute(torchreid.data, stock.__name__, _stand_in(stock, choose))


def open_engines(torchreid: Any, patches: Patches) -> None:
    """Put dispatching classes in place of both image engines."""

    def choose(given: Mapping[str, Any]) -> type | None:
        if is_aio(given["model"]):
            return _engine_class(torchreid.engine.Engine)
        _refuse_bundles(given["datamanager"], given["model"])
        _refuse_ranks(given["model"])
        return None

    for stock in (torchreid.engine.ImageSoftmaxEngine, torchreid.engine.ImageTripletEngine):
        stand_in = _stand_in(stock, choose)
        for module in (torchreid.engine, torchreid.engine.image):
            patches.set_attribute(module, stock.__name__, stand_in)


def _stand_in(stock: type, choose: Choice) -> type:
    body = {
        "_stock": stock,
        "_choose": choose,
        "__module__": stock.__module__,
        "__qualname__": stock.__qualname__,
        "__doc__": stock.__doc__,
    }
    return _Dispatching(stock.__name__, (stock,), body)


def _wants_aio(given: Mapping[str, Any]) -> bool:
    """Whether the data is meant for an AIO model.

    A config says so by its ``aio`` node or its model. Without a config, what register() was given or a
    dataset that only we know decides.
    """
    if session.cfg is not None:
        return "aio" in session.cfg or session.setting("model.name", "") in NAMES
    return session.given is not None or any(
        name.partition("@")[0] in ADAPTERS
        for part in ("sources", "targets")
        for name in ([given[part]] if isinstance(given.get(part), str) else given.get(part) or ())
    )


def _refuse_bundles(datamanager: Any, model: Any) -> None:
    if hasattr(datamanager, "loader_at"):
        raise HostError(
            f"{type(model).__name__} is one of torchreid's models, but the data manager is AIO's. Choose an AIO model "
            f"({', '.join(NAMES)}), or take the `aio:` node out of the config (the mapping out of register())."
        )


def _refuse_ranks(model: Any) -> None:
    if distributed.world() > 1:
        raise HostError(
            f"{type(model).__name__} is one of torchreid's models, whose engine trains in one process: "
            f"{distributed.world()} would train a model each and write over each other's files. Start it without "
            "torchrun."
        )


@functools.cache
def _data_manager_class(stock: type) -> type:
    from ..data_manager import data_manager_class

    return data_manager_class(stock)


@functools.cache
def _engine_class(base: type) -> type:
    from ..engine import engine_class

    return engine_class(base)
