"""The settings that weights record, for configs that leave them open."""

from __future__ import annotations

from typing import Any

from ..encoders.files import read_weights
from ..errors import AIOError
from ..models.feature_settings import DATA_KEYS, ENCODER_HASH, read_record
from .default_config import flattened

FILES = ("aio.encoder.weights", "aio.text.weights")
"""Where the frozen and the pre-trained parts come from: no settings of features, but needed to build the model."""


def recorded_settings(weights: str) -> dict[str, Any]:
    """Key -> value of what the features of a file of weights depend on; empty where it does not say.

    A file that cannot be read has none: it is refused when it is loaded.
    """
    try:
        record = read_record(read_weights(weights, "model.load_weights", mmap=True).content, weights)
    except AIOError:
        return {}
    if record is None:
        return {}
    settings = {key: value for key, value in record["features"].items() if key != ENCODER_HASH}
    if settings.get("aio.tokenizer.image_size") == [settings.get(key) for key in DATA_KEYS[:2]]:
        del settings["aio.tokenizer.image_size"]  # it follows the size of images
    trained = dict(flattened(record["run"].get("config", {})))
    return settings | {key: trained[key] for key in FILES if key in trained}
