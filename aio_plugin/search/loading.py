"""``load``: a trained model from a run's folder, a checkpoint or an export, with the settings that it records."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..config import AIOConfig, describe, load_yaml, parse_config
from ..encoders.files import SUFFIX, read_weights
from ..encoders.frozen import FrozenEncoder
from ..encoders.pretrained import RANDOM
from ..errors import CheckpointError, ConfigError
from ..image_files import MOST_PIXELS
from ..modality import REGISTRY
from ..models.aio import AIO
from ..models.build import build_model
from ..models.dmf import DMF
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
from ..options import merge, nested
from ..synthesis.sketch import Sketcher
from ..training.optimisation import autocast_dtype
from .model import ReIDModel, media_reader

BEST, LAST, NUMBERED = "model-best.pth.tar", "last.pth.tar", re.compile(r"model\.pth\.tar-(\d{1,9})")
"""The checkpoints of a run."""

TRAINED = {
    "tokenizer": {"start": "fresh"},
    "text": {"start": "fresh", "weights": RANDOM},
    "loss": {"va": 0.0},
    "dmf": {"start": ""},
    "train": {"compile": False},
}
"""Keys of the ``aio`` node that say where tensors that were trained came from, and what is not used but in training."""

LARGEST_PATCH = 32
"""Side in pixels, of encoders that there are."""

OTHER_KEYS = ("aio.encoder.quantise", "aio.train.precision", "aio.synthesis.lineart")
"""What is taken from the config of the training besides what features depend on: number formats, and how sketches of
photos are drawn."""

FilePath = str | os.PathLike[str]
Config = Mapping[str, Any] | FilePath


def load(source: FilePath, device: str | torch.device | None = None, *, config: Config | None = None) -> ReIDModel:
    """See :func:`aio_plugin.load`."""
    return load_file(weights_of(source), _device(device), _given(config))


def load_file(path: str | Path, device: torch.device, given: Mapping[str, Any], key: str = "source") -> ReIDModel:
    """The model of a file of weights.

    Args:
        given: keys of a whole config, which come before what the file records.
        key: the config key or argument that names the file, for errors.
    """
    file = read_weights(path, key)
    record = read_record(file.content, str(path))
    if record is None and "model" not in given:
        raise CheckpointError(
            f"{path} does not record its settings, so its model is not known. Pass config=, the config file of its "
            "training, or write it anew: aio-reid export --weights FILE --config-file CONFIG --out MODEL.safetensors."
        )
    trained = inferred_settings(file.state) if record is None else _checked(record["features"], file.state, str(path))
    name, images, options = _parsed(merge(_of_file(trained, record, str(path)), given), str(path))
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
    return ready_model(model, name, settings, options, device, str(path))


def ready_model(
    model: AIO | DMF,
    name: str,
    settings: Settings,
    options: AIOConfig,
    device: torch.device,
    source: str,
    normalised: bool = True,
) -> ReIDModel:
    """A trained model as it is tested: in the number format of ``aio.train.precision``, or in float32 where that is
    fp16 and the device a CPU.

    Args:
        name: ``model.name``.
        settings: what its features depend on, with size and normalisation of images.
        normalised: whether images are normalised.
    """
    cuda, lineart = device.type == "cuda", options.synthesis.lineart
    precision = options.train.precision
    return ReIDModel(
        model,
        media_reader(settings, options.text.length, None if lineart else Sketcher(), normalised),
        settings,
        searchable(name, options),
        device=device,
        precision=autocast_dtype("fp32" if precision == "fp16" and not cuda else precision, cuda),
        source=source,
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
    values = {} if config is None else config if isinstance(config, Mapping) else load_yaml(config, True)
    return dict(values) if "aio" in values or "model" in values else {"aio": dict(values)}


def _checked(recorded: Settings, state: Mapping[str, Tensor], path: str) -> Settings:
    """The settings that a file records; raises CheckpointError if its tensors are of another model."""
    unknown = [name for name in recorded.get("aio.modalities", ()) if name not in REGISTRY]
    if unknown:
        raise CheckpointError(
            f"{path} is of a model that reads {unknown[0]!r}, which is not registered here; call "
            "aio_plugin.register_modality first, as its training did."
        )
    wrong = differing(inferred_settings(state), recorded)
    tables = (state[name] for name in ("positions.rgb.table", "image.positions.table") if name in state)
    height, width = recorded.get("aio.tokenizer.image_size", (0, 0))
    if height * width > LARGEST_PATCH**2 * max(map(len, tables), default=0):
        wrong.append("aio.tokenizer.image_size")
    if recorded["data.height"] * recorded["data.width"] > MOST_PIXELS:
        wrong.append("data.height")
    if wrong:  # before a model of these sizes is built
        raise CheckpointError(
            f"{path}: the record of its settings contradicts its tensors in {wrong[0]}: it was changed "
            "after training. Take an untouched copy."
        )
    return dict(recorded)


def _of_file(trained: Settings, record: Mapping[str, Any] | None, path: str) -> dict[str, Any]:
    """The config that a file's model is built with, as far as the file tells it."""
    settings = {key: value for key, value in trained.items() if key != ENCODER_HASH}
    if record is not None:
        settings["aio.encoder.weights"] = config_settings(record)["aio.encoder.weights"]
        others = {key: text_at(record["run"]["config"], *key.split(".")) for key in OTHER_KEYS}
        settings |= {key: value for key, value in others.items() if value}
    unknown = sorted(settings.keys() - {"model.name", *DATA_KEYS, *(f"aio.{each.name}" for each in describe({}))})
    if unknown:
        raise CheckpointError(
            f"{path} records the setting {unknown[0]!r}, which this version does not know; use the version of "
            "aio_plugin that wrote the file."
        )
    return nested(settings)


def _parsed(values: Any, path: str) -> tuple[str, Settings, AIOConfig]:
    """Model name, settings of images and ``aio`` node of a config.

    What only training needs is left out: datasets, which need not be registered here, and all files that hold the start
    of tensors that were trained.
    """
    model, data, node = (values.get(key) or {} for key in ("model", "data", "aio"))
    name = model.get("name") if isinstance(model, Mapping) else None
    if name not in NAMES:
        raise CheckpointError(f"{path} is of the model {str(name)!r}; aio_plugin.load takes {', '.join(NAMES)}.")
    try:
        images = data_settings(*(data[key.removeprefix("data.")] for key in DATA_KEYS))
        *_, mean, std = images.values()
        if not len(mean) == len(std) == 3 or not all(map(math.isfinite, mean + std)) or min(std) <= 0:
            raise ValueError("three finite numbers are needed, above 0 in norm_std")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        keys = ", ".join(DATA_KEYS)
        raise ConfigError(
            f"The config of {path} lacks one of {keys}, or it is wrong ({error}); state all of them as in training."
        ) from error
    if isinstance(node, Mapping):
        node = merge({key: value for key, value in node.items() if key not in ("datasets", "stages")}, TRAINED)
        node = merge(node, {"encoder": {"weights": RANDOM}}) if name in DMF_NAMES else node
    try:
        return name, images, parse_config(node)
    except ConfigError as error:
        raise ConfigError(f"The config of {path}: {error}") from error
