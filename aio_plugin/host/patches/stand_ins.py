"""AIO's data manager and engine in the place of torchreid's, where AIO's data or an AIO model is asked for."""

from __future__ import annotations

import abc
import functools
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from ...datasets import ADAPTERS
from ...errors import HostError
from ...models.specs import NAMES
from ...training import distributed
from ..run_config import is_aio, session
from .base import Patches


def patch_data_manager(torchreid: ModuleType, patches: Patches) -> None:
    """Replace ``torchreid.data.ImageDataManager``."""

    def choose(arguments: Mapping[str, Any]) -> Callable[..., Any] | None:
        config = session.config_of(arguments)
        if not (config.asks_for_aio or (not config and _has_own_datasets(arguments))):
            return None
        from ..data_manager import AIODataManager

        return functools.partial(AIODataManager, config=config)

    stock = torchreid.data.ImageDataManager
    patches.set_attribute(torchreid.data, stock.__name__, stand_in(stock, choose))


def _has_own_datasets(arguments: Mapping[str, Any]) -> bool:
    """Whether a source or target is a dataset that only this package knows."""
    lists = (arguments.get("sources") or (), arguments.get("targets") or ())
    names = [name for each in lists for name in ([each] if isinstance(each, str) else each)]
    return any(name.partition("@")[0] in ADAPTERS for name in names)


def patch_engines(torchreid: ModuleType, patches: Patches) -> None:
    """Replace ``ImageSoftmaxEngine`` and ``ImageTripletEngine``."""

    def choose(arguments: Mapping[str, Any]) -> type | None:
        if is_aio(arguments["model"]):
            from ..engine import AIOEngine

            return AIOEngine
        _check_stock_model(arguments["datamanager"], type(arguments["model"]).__name__)
        return None

    for stock in (torchreid.engine.ImageSoftmaxEngine, torchreid.engine.ImageTripletEngine):
        replacement = stand_in(stock, choose)
        for module in (torchreid.engine, torchreid.engine.image):
            patches.set_attribute(module, stock.__name__, replacement)


def _check_stock_model(datamanager: Any, model: str) -> None:
    if hasattr(datamanager, "loader_at"):
        raise HostError(
            f"{model} is one of torchreid's models, but the data manager is AIO's. Choose an AIO model "
            f"({', '.join(NAMES)}), or remove the `aio:` node from the config (or the mapping from register())."
        )
    if distributed.world_size() > 1:
        raise HostError(
            f"{model} is one of torchreid's models, whose engine trains in one process: {distributed.world_size()} "
            "processes would each train a model and overwrite each other's files. Start it without torchrun."
        )


class _StandIn(abc.ABCMeta):
    """Calls and type checks of a stand-in; derived from ABCMeta, so that users may mix in an ABC."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        stock: Any = cls.__dict__.get("_stock")
        if stock is None:  # a user's subclass
            return super().__call__(*args, **kwargs)
        try:
            arguments = inspect.signature(stock).bind(*args, **kwargs).arguments
        except TypeError:
            return stock(*args, **kwargs)  # raises torchreid's own error
        replacement = cls.__dict__["_choose"](arguments)
        return stock(*args, **kwargs) if replacement is None else replacement(**arguments)

    def __instancecheck__(cls, instance: Any) -> bool:
        stock: Any = cls.__dict__.get("_stock")
        return super().__instancecheck__(instance) if stock is None else isinstance(instance, stock)

    def __subclasscheck__(cls, subclass: type) -> bool:
        stock: Any = cls.__dict__.get("_stock")
        return super().__subclasscheck__(subclass) if stock is None else issubclass(subclass, stock)


def stand_in(stock: type, choose: Callable[[Mapping[str, Any]], Callable[..., Any] | None]) -> type:
    """A class to put in the place of ``stock``, which makes an instance of another class where ``choose`` says so.

    It is never instantiated itself: a call gives what the chosen class or ``stock`` gives. A user's subclass
    of it behaves as if derived from ``stock``.

    Args:
        choose: arguments of a call, by name -> what to call with them by name; None means ``stock``.
    """
    names = ("__module__", "__qualname__", "__doc__")
    body = {"_stock": stock, "_choose": choose, **{name: getattr(stock, name) for name in names}}
    return _StandIn(stock.__name__, (stock,), body)
