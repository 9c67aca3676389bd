"""What a checkpoint records beside its tensors: the settings of its features, and the run that it is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import aio_plugin

from ..evaluation.results import plain
from ..models.feature_settings import SCHEMA, data_settings

if TYPE_CHECKING:
    from ..training.person_dataset import Source
    from .data_manager import AIODataManager


def checkpoint_record(model: Any, manager: AIODataManager) -> dict[str, Any]:
    """The value of the key ``aio`` of a checkpoint of ``model``, in plain types that torch loads as weights only.

    Its ``features`` are what :mod:`aio_plugin.models.feature_settings` compares; ``run`` has the whole ``config``, the
    ``sources`` in their order, the ``code``, and the ``weights`` that it started from, None for its own.
    """
    return {
        "schema": SCHEMA,
        "features": {**model.feature_settings, **image_settings(manager)},
        "run": {
            "config": plain(manager.config.document()),
            "sources": list(manager.num_train_pids.sources),
            "code": {"version": aio_plugin.__version__},
            "weights": weights_entry(model),
        },
    }


def weights_entry(model: Any) -> dict[str, Any] | None:
    """What ``model`` was loaded with, for results; None if nothing was."""
    loaded = getattr(model, "loaded_weights", None)
    return None if loaded is None else dict(loaded.entry)


def image_settings(manager: AIODataManager) -> dict[str, Any]:
    """Size and normalisation of images as ``manager`` tests with them."""
    normalisation = manager.transform_te.transforms[-1]
    return data_settings(manager.height, manager.width, normalisation.mean, normalisation.std)


def describe_sources(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """Name and number of identities of every training source."""
    return [{"name": source.name, "identities": source.identities} for source in sources]
