"""All-in-One multimodal person re-identification inside torchreid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from .datasets.base import Adapter, Options, Splits
    from .modality import Combination

    ReadDataset = Callable[[str, Options, Combination | None], Splits]

__version__ = "0.1.0"
__all__ = ["__version__", "register", "register_dataset", "unregister"]


def register(config: Mapping[str, Any] | str | os.PathLike[str] | None = None, *, exact_ranking: bool = False) -> None:
    """Teach torchreid the names of this package. A second call changes nothing but the config.

    Args:
        config: the ``aio`` node, or a whole config with an ``aio`` key, as a mapping or a YAML file;
            for notebooks and ``FeatureExtractor``, where no config file is merged. A config file
            that is merged later and has an ``aio`` node of its own takes its place.
        exact_ranking: let torchreid's own engines count ranks as AIO's do, until :func:`unregister`; the same
            CMC and mAP without sorting the distance matrix, ties in the order of the gallery.

    Raises:
        HostError: torchreid is absent or another package of that name, or a dataset or model of
            one of our names is registered already.
        ConfigError: a key of ``config`` is unknown or a value is wrong.
    """
    from .host.registration import register

    register(config, exact_ranking=exact_ranking)


def unregister() -> None:
    """Give torchreid back the very objects it had before :func:`register`; without one, do nothing."""
    from .host.registration import unregister

    unregister()


@overload
def register_dataset(dataset: Adapter, *, replace: bool = False) -> Adapter: ...
@overload
def register_dataset(dataset: str, *, replace: bool = False, **fields: Any) -> Callable[[ReadDataset], Adapter]: ...
def register_dataset(
    dataset: Adapter | str, *, replace: bool = False, **fields: Any
) -> Adapter | Callable[[ReadDataset], Adapter]:
    """Let configs name a dataset of yours in ``data.sources`` and ``data.targets``, before or after :func:`register`.

    A package can do the same by an entry point of the group ``aio_plugin.datasets`` that refers to an adapter.

    Args:
        dataset: an adapter; or, as a decorator of its function ``read``, the name alone:
            ``@register_dataset("mine", folder="mine", protocol=..., queries=...)``.
        replace: take the place of a dataset of that name.
        fields: of :class:`aio_plugin.datasets.Adapter`, where ``dataset`` is a name.

    Raises:
        RegistryError: the name is taken.
        DatasetError: it is no adapter, or has an option without documentation.
    """
    from .datasets import ADAPTERS, Adapter

    if not isinstance(dataset, str):
        ADAPTERS.register(getattr(dataset, "name", ""), dataset, replace=replace)
        return dataset

    def decorate(read: ReadDataset) -> Adapter:
        return register_dataset(Adapter(name=dataset, read=read, **fields), replace=replace)

    return decorate
