"""``load``: a trained model from a run's folder, a checkpoint or an export, with the settings that it records."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from .. import config as aio_config
from ..encoders.files import SUFFIX, read_weights
from ..encoders.frozen import FrozenEncoder
from ..encoders.pretrained import RANDOM
from ..errors import CheckpointError, ConfigError
from ..models.build import build_model
from ..models.feature_settings import (
    DATA_KEYS,
    ENCODER_HASH,
    Settings,
    config_settings,
    data_settings,
    describe_differences,
    differing,
    read_record,
    text_at,
)
from ..models.specs import DMF_NAMES, NAMES, searchable
from ..models.weights import fit_weights, inferred_settings
from ..options import merge
from ..synthesis.sketch import Sketcher
from ..training.optimisation import autocast_dtype
from .model import ReIDModel, media_reader

BEST, LAST, NUMBERED = "model-best.pth.tar", "last.pth.tar", re.compile(r"model\.pth\.tar-(\d{1,9})")
"""The checkpoints of a run."""

OTHER_KEYS = ("aio.encoder.quantise", "aio.train.precision", "aio.synthesis.lineart")
"""What is taken from the config of the training besides what features depend on: number formats, and how sketches of
photos are drawn."""

FilePath = str | os.PathLike[str]
Config = Mapping[str, Any] | FilePath


def load(source: FilePath, device: str | torch.device | None = None, *, config: Config | None = None) -> ReIDModel:
    """See :func:`aio_plugin.load`."""
    path = weights_of(source)
    place = _device(device)
    file = read_weights(path, "the model to load")
    record = read_record(file.content, str(path))
    given = _given(config)
    if record is None and "model" not in given:
        raise CheckpointError(
            f"{path} does not record its settings, so its model is not known. Pass config=, the config file of its "
            "training, or write it anew: aio-reid export --weights FILE --config-file CONFIG --out MODEL.safetensors."
        )
    trained = inferred_settings(file.state) if record is None else dict(record["features"])
    values = merge(_of_file(trained, record, str(path)), given)
    name, images, options = _parsed(values, str(path))
    model = build_model(name, 1, options, (images["data.height"], images["data.width"]))
    if isinstance(model.encoder, FrozenEncoder):
        model.encoder.require(file.state.get("encoder.identity"))
    settings = {**model.feature_settings, **images}
    keys = differing(settings, trained)
    if keys:
        raise CheckpointError(
            f"{path} does not fit the config: {describe_differences(keys, settings, trained)}. Leave these keys out to "
            "take them from the file."
        )
    fitted = fit_weights(model, file.state, trained, same_people=False, adapt=False)
    if fitted.faults:
        raise CheckpointError(
            f"{path} is not a file of the model {name!r} that it was trained as: it {', '.join(fitted.faults)}. Use "
            "another copy of the file."
        )
    model.load_state_dict(fitted.state, strict=False)
    lineart = options.synthesis.lineart
    reader = media_reader(settings, options.text.length, None if lineart else Sketcher())
    precision = options.train.precision
    if precision == "fp16" and place.type != "cuda":
        precision = "fp32"
    return ReIDModel(
        model,
        reader,
        settings,
        searchable(name, options),
        device=place,
        precision=autocast_dtype(precision, place.type == "cuda"),
        source=str(path),
    )


def weights_of(source: FilePath) -> Path:
    """The file of weights that ``source`` is, or that a folder of a run or an export holds.

    Of a run's checkpoints it is the best one (``model/model-best.pth.tar``, written with ``aio.train.select_target``),
    else the last one (``model/last.pth.tar``), else torchreid's ``model/model.pth.tar-<epoch>`` of the last epoch.

    Raises:
        CheckpointError: there is no such file or folder, the folder holds none, or several exports.
    """
    path = Path(source).expanduser()
    if not path.is_dir():
        if not os.path.isfile(path):
            raise CheckpointError(
                f"There is no file or folder {str(path)!r}; give the folder of a run, a checkpoint or an export."
            )
        return path
    folder = path / "model" if (path / "model").is_dir() else path
    numbers = {int(found[1]): name for name in os.listdir(folder) if (found := NUMBERED.fullmatch(name))}
    names = [BEST, LAST, *(numbers[number] for number in sorted(numbers, reverse=True))]
    held = [folder / name for name in names if os.path.isfile(folder / name)]
    if held:
        return held[0]
    exports = sorted(path.glob(f"*{SUFFIX}"))
    if len(exports) != 1:
        holds = (
            f"several files *{SUFFIX}" if exports else f"no checkpoint (model/{BEST}, model/{LAST}) and no *{SUFFIX}"
        )
        raise CheckpointError(f"{str(path)!r} holds {holds}; give the file itself.")
    return exports[0]


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"There is no device {str(device)!r}; give 'cpu', 'cuda' or 'cuda:1'.") from error
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"The device is {str(device)!r}, but torch finds {torch.cuda.device_count()} CUDA devices. Give 'cpu', or "
            "install torch for your CUDA (`aio-reid doctor` says what is installed)."
        )
    return place


def _given(config: Config | None) -> dict[str, Any]:
    """The argument ``config`` as a whole config: without an ``aio`` key it is that node."""
    values = {} if config is None else config if isinstance(config, Mapping) else aio_config.load_yaml(config, True)
    return dict(values) if "aio" in values or "model" in values else {"aio": dict(values)}


def _of_file(trained: Settings, record: Mapping[str, Any] | None, path: str) -> dict[str, Any]:
    """The config that a file's model is built with, as far as the file tells it.

    Nothing is read that the trained tensors replace, such as the word embedding that training started from.
    """
    settings = {key: value for key, value in trained.items() if key != ENCODER_HASH}
    if record is not None:
        own = config_settings(record)
        settings["aio.encoder.weights"] = own["aio.encoder.weights"]
        others = {key: text_at(record["run"]["config"], *key.split(".")) for key in OTHER_KEYS}
        settings |= {key: value for key, value in others.items() if value}
    if settings.get("model.name") in DMF_NAMES:
        settings["aio.encoder.weights"] = RANDOM  # trained, so in the file
    elif "aio.text.width" in settings:
        settings["aio.text.weights"] = RANDOM
    known = {"model.name", *DATA_KEYS, *(f"aio.{option.name}" for option in aio_config.describe({}))}
    unknown = sorted(settings.keys() - known)
    if unknown:
        raise CheckpointError(
            f"{path} records the setting {unknown[0]!r}, which this version does not know; use the version of "
            "aio_plugin that wrote the file."
        )
    return aio_config.nested(settings)


def _parsed(values: Any, path: str) -> tuple[str, Settings, aio_config.AIOConfig]:
    """Model name, settings of images and ``aio`` node of a config."""
    model, data, node = (values.get(key) or {} for key in ("model", "data", "aio"))
    name = model.get("name") if isinstance(model, Mapping) else None
    if name not in NAMES:
        raise CheckpointError(f"{path} is of the model {str(name)!r}; load() takes {', '.join(NAMES)}.")
    try:
        images = data_settings(*(data[key.removeprefix("data.")] for key in DATA_KEYS))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"The config of {path} lacks {', '.join(DATA_KEYS)}, or they are wrong; state them."
        ) from error
    if isinstance(node, Mapping):  # other datasets may be registered here, and the training was of other people
        node = {key: value for key, value in node.items() if key not in ("datasets", "stages")}
        node = merge(node, {"loss": {"va": 0.0}, "dmf": {"start": ""}, "tokenizer": {"start": "fresh"}})
        node = merge(node, {"text": {"start": "fresh"}, "train": {"compile": False}})
    return name, images, aio_config.parse_config(node)
