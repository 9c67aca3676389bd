"""All-in-One multimodal person re-identification inside torchreid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__version__ = "0.1.0"
__all__ = ["__version__", "register", "unregister"]


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
