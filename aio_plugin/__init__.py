"""All-in-One multimodal person re-identification inside torchreid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__version__ = "0.1.0"
__all__ = ["__version__", "register", "unregister"]


def register(config: Mapping[str, Any] | str | os.PathLike[str] | None = None) -> None:
    """Teach torchreid the names of this package. A second call changes nothing but the config.

    Args:
        config: the ``aio`` node, or a whole config with an ``aio`` key, as a mapping or a YAML file;
            for notebooks and ``FeatureExtractor``, where no config file is merged. A config file
            that is merged later and has an ``aio`` node of its own takes its place.

    Raises:
        HostError: torchreid is absent or another package of that name, or a dataset or model of
            one of our names is registered already.
        ConfigError: a key of ``config`` is unknown or a value is wrong.
    """
    from .host.registration import register

    register(config)


def unregister() -> None:
    """Give torchreid back the very objects it had before :func:`register`; without one, do nothing."""
    from .host.registration import unregister

    unregister()
