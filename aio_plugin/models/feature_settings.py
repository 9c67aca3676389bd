"""What retrieval features depend on besides the trained tensors, by config key: made, recorded and compared.

A checkpoint has it below ``aio`` beside its state dict: ``{"schema": 1, "features": {...}, "run": {...}}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema

from ..config import AIOConfig
from ..encoders.files import RECORD, read_weights
from ..encoders.frozen import FrozenEncoder
from ..errors import AIOError, CheckpointError
from ..modality import Modality
from .aio import AIO
from .dmf import DMF
from .specs import SPECS

SCHEMA = 1
"""The form of the record."""

DATA_KEYS = ("data.height", "data.width", "data.norm_mean", "data.norm_std")
"""How images become the model's input."""

ENCODER_HASH = "encoder.sha256"
"""The hash of the encoder's weights, the only setting that is not a config key."""

PARTS = ("encoder", "text")
"""Groups of the ``aio`` node with ``weights`` that a model is built from."""

_TEXT, _SIDE = {"type": "string"}, {"type": "integer", "minimum": 1, "maximum": 100_000}
_COLOURS = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
_EPOCHS = {"type": "integer", "minimum": 0, "maximum": 1_000_000}
_STAGE = {"type": "object", "required": ["epochs", "sources"], "properties": {"epochs": _EPOCHS}}
_AIO = {"type": "object", "properties": {"stages": {"type": "array", "items": _STAGE}}}
_TRAIN = {"type": "object", "properties": {"max_epoch": _EPOCHS}}
_FORM = {
    "type": "object",
    "required": ["features", "run"],
    "properties": {
        "features": {
            "type": "object",
            "required": ["model.name", *DATA_KEYS],
            "properties": {
                "model.name": _TEXT,
                **dict(zip(DATA_KEYS, (_SIDE, _SIDE, _COLOURS, _COLOURS), strict=True)),
                "aio.modalities": {"type": "array", "items": _TEXT},
                "aio.tokenizer.image_size": {"type": "array", "items": _SIDE, "minItems": 2, "maxItems": 2},
                "aio.encoder.name": _TEXT,
            },
        },
        "run": {
            "type": "object",
            "required": ["config", "sources"],
            "properties": {
                "config": {"type": "object", "properties": {"aio": _AIO, "train": _TRAIN}},
                "files": {"type": "object"},
                "code": {"type": "object"},
                "sources": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": _TEXT, "toy": {"type": "object"}},
                    },
                },
                "weights": {"type": ["object", "null"]},
            },
        },
    },
}
"""What every record has; a JSON schema."""

Settings = dict[str, Any]


def model_settings(name: str, options: AIOConfig, image_size: tuple[int, int], model: AIO | DMF) -> Settings:
    """The settings of a model, resolved: what a default stood for is named.

    Numerical precision (``aio.train.precision``, ``aio.encoder.quantise``) is not among them.

    Args:
        name: ``model.name``.
        image_size: height and width that the position tables are made for.
    """
    settings: Settings = {
        "model.name": name,
        "aio.tokenizer.width": options.tokenizer.width or SPECS[name].stem_width,
        "aio.tokenizer.image_size": list(image_size),
        "aio.encoder.name": model.encoder.name,
    }
    if isinstance(model, DMF):  # it trains its encoder, whose tensors are in the checkpoint, and searches with RGB
        return settings | {
            "aio.dmf.image_depth": options.dmf.image_depth,
            "aio.dmf.trunk_depth": len(model.trunk.blocks),
            "aio.dmf.test_feature": options.dmf.test_feature,
        }
    assert isinstance(model.encoder, FrozenEncoder)
    settings |= {
        "aio.modalities": [modality.value for modality in model.modalities],
        "aio.bnneck": options.bnneck,
        ENCODER_HASH: model.encoder.sha256,
    }
    if Modality.TEXT in model.modalities:
        settings |= {"aio.text.length": options.text.length, "aio.text.width": model.shape.text_width}
    return settings


def data_settings(height: int, width: int, mean: Any, std: Any) -> Settings:
    """The settings of :data:`DATA_KEYS`."""
    return dict(zip(DATA_KEYS, (int(height), int(width), [*map(float, mean)], [*map(float, std)]), strict=True))


def read_record(content: Mapping[str, Any], where: str) -> dict[str, Any] | None:
    """The record of a checkpoint's ``content``; None where it has none, as those of version 0.1.0.

    Raises:
        CheckpointError: it is of another form; names the file ``where``.
    """
    record = content.get(RECORD)
    if record is None:
        return None
    schema = record.get("schema") if isinstance(record, Mapping) else SCHEMA
    if schema != SCHEMA:
        raise CheckpointError(
            f"{where}: the record of its settings has schema {str(schema)[:40]!r}, not {SCHEMA}; use the version of "
            "aio_plugin that wrote the file."
        )
    fault = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(_FORM).iter_errors(record))
    if fault is not None:
        place = f"{fault.json_path[2:]}: {fault.message[:120]}"
        raise CheckpointError(
            f"{where}: the record of its settings is damaged ({place}); use another copy of the file."
        )
    return dict(record)


def differing(current: Mapping[str, Any], trained: Mapping[str, Any]) -> list[str]:
    """The keys whose values differ, in the order of ``trained``; those that ``current`` does not know are left out."""
    return [key for key, value in trained.items() if key in current and current[key] != value]


def describe_differences(keys: list[str], current: Mapping[str, Any], trained: Mapping[str, Any]) -> str:
    """For example ``data.height is 256, the weights were trained with 128``."""
    return "; ".join(f"{key} is {current[key]!r}, the weights were trained with {trained[key]!r}" for key in keys)


def recorded_settings(weights: str) -> Settings:
    """The settings that a file of weights records, and where its model's other parts came from, by config key.

    Empty where it does not say. A file that cannot be read has none: it is refused when it is loaded.
    """
    try:
        record = read_record(read_weights(weights, "model.load_weights", mmap=True).content, weights)
    except AIOError:
        return {}
    return {} if record is None else config_settings(record)


def config_settings(record: Mapping[str, Any]) -> Settings:
    """The settings of a record as a config states them, and where its model's other parts came from, by config key."""
    settings = {key: value for key, value in record["features"].items() if key != ENCODER_HASH}
    if settings.get("aio.tokenizer.image_size") == [settings.get(key) for key in DATA_KEYS[:2]]:
        del settings["aio.tokenizer.image_size"]  # it follows the size of images
    files = {f"aio.{group}.weights": text_at(record["run"], "config", "aio", group, "weights") for group in PARTS}
    return settings | files


def text_at(values: Any, *keys: str) -> str:
    """The text at the end of a path of keys; '' where there is none."""
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values if isinstance(values, str) else ""
