"""torchreid's ``FeatureExtractor`` on AIO models: settings of their weights, and media of every modality."""

from __future__ import annotations

import functools
import inspect
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import CheckpointError, MediaError
from ...modality import Item, Media
from ...models.feature_settings import DATA_KEYS, data_settings, describe_differences, differing
from ...models.specs import NAMES
from ...options import merge
from ...training.media import MediaReader, QueryDataset, collate
from ..run_config import RunConfig, TrainingIdentities, is_aio, session
from ..torchreid_import import import_torchreid
from ..weights import check_use, config_data_settings, load_weights, recorded
from .base import Patches

SIZE, MEAN, STD, NORM = "image_size", "pixel_mean", "pixel_std", "pixel_norm"


def patch_feature_extractor(torchreid: ModuleType, patches: Patches) -> None:
    """Replace the methods of the class, so that every name and subclass of it has them."""
    kind = torchreid.utils.FeatureExtractor
    patches.set_attribute(kind, "__init__", _initialiser(kind.__init__))
    patches.set_attribute(kind, "__call__", _caller(kind.__call__))


def _initialiser(stock: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(stock)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = inspect.signature(stock).bind(self, *args, **kwargs)
        by_hand = dict(bound.arguments)
        if by_hand.get("model_name") not in NAMES:
            return stock(self, *args, **kwargs)
        bound.apply_defaults()
        return _build(self, bound.arguments, by_hand)

    return __init__


def _build(self: Any, arguments: Mapping[str, Any], by_hand: Mapping[str, Any]) -> None:
    """What torchreid's constructor does, with the settings of the weights, else of the config in force."""
    from torchvision.transforms import Compose, Normalize, Resize, ToPILImage, ToTensor

    name, path, utils = arguments["model_name"], arguments["model_path"], import_torchreid().utils
    record = recorded(path, "model_path") if path else None
    config = _config_of(record)
    settings = config_data_settings(config)
    if record:
        _refuse_others(by_hand, record["features"], path)
    elif not settings or by_hand.keys() & {SIZE, MEAN, STD}:
        size = arguments[SIZE]
        height, width = (size, size) if isinstance(size, int) else size
        own = data_settings(height, width, arguments[MEAN], arguments[STD])
        given = {key for argument, keys in _KEYS.items() if argument in by_hand for key in keys}
        settings = {key: own[key] if key in given else settings.get(key, own[key]) for key in DATA_KEYS}
    identities = TrainingIdentities([1], config)
    device = torch.device(arguments["device"])
    model = import_torchreid().models.build_model(name, num_classes=identities, use_gpu=device.type == "cuda").eval()
    size = (settings["data.height"], settings["data.width"])
    if arguments["verbose"]:
        params, flops = utils.compute_model_complexity(model, (1, 3, *size))
        print(f"Model: {name}\n- params: {params:,}\n- flops: {flops:,}")
    if path:
        load_weights(model, path, "model_path")
        check_use(model, settings, test_only=True)
    else:
        warnings.warn(f"FeatureExtractor({name!r}) without model_path: the model is not trained.", stacklevel=3)
    normalise = [Normalize(settings["data.norm_mean"], settings["data.norm_std"])] if arguments[NORM] else []
    self.model, self.device, self.to_pil = model.to(device), device, ToPILImage()
    self.preprocess = Compose([Resize(size), ToTensor(), *normalise])
    self.reader = MediaReader(self.preprocess, config.options().text.length)


_KEYS = {SIZE: DATA_KEYS[:2], MEAN: DATA_KEYS[2:3], STD: DATA_KEYS[3:]}
"""Argument of FeatureExtractor -> the config keys that it stands for."""


def _config_of(record: Mapping[str, Any] | None) -> RunConfig:
    """The config of weights, with what register() was given; without a record the config in force."""
    if record is None:
        latest = session.latest()
        registered = RunConfig(session.registered)
        return latest if latest.asks_for_aio or not registered else registered
    values: Any = record["run"]["config"]
    images = {key.removeprefix("data."): record["features"][key] for key in DATA_KEYS}
    for more in ({"data": images}, session.registered, {"aio": {"train": {"fine_tune": False}}}):  # it only tests
        values = merge(values, more)
    return RunConfig(values)


def _refuse_others(by_hand: Mapping[str, Any], trained: Mapping[str, Any], path: str) -> None:
    """Raise CheckpointError if an argument contradicts the settings that weights were trained with."""
    size = by_hand.get(SIZE, (trained["data.height"], trained["data.width"]))
    height, width = (size, size) if isinstance(size, int) else size
    given = data_settings(
        height, width, by_hand.get(MEAN, trained["data.norm_mean"]), by_hand.get(STD, trained["data.norm_std"])
    )
    wrong = describe_differences(differing(given, trained), given, trained)
    if not by_hand.get(NORM, True):
        wrong = "pixel_norm is False, the weights were trained on normalised images"
    if wrong:
        raise CheckpointError(
            f"FeatureExtractor's arguments do not fit {path}: {wrong}. Leave {SIZE}, {MEAN}, {STD} and {NORM} out to "
            "take them from the file."
        )


def _caller(stock: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(stock)
    def __call__(self: Any, input: Any) -> Tensor:
        if not is_aio(self.model) or isinstance(input, Tensor):
            return stock(self, input)
        return _features(self, list(input) if isinstance(input, (list, tuple)) else [input])

    return __call__


@torch.no_grad()
def _features(self: Any, inputs: Sequence[Any]) -> Tensor:
    """Features (B, D) of paths of images, Media of any modality, and arrays (H, W, C)."""
    if not inputs:
        raise MediaError("There is nothing to extract features of: the list is empty.")
    arrays = [place for place, each in enumerate(inputs) if isinstance(each, np.ndarray)]
    others = [place for place in range(len(inputs)) if place not in set(arrays)]
    features = []
    if arrays:
        images = torch.stack([self.preprocess(self.to_pil(inputs[place])) for place in arrays])
        features.append(self.model(images.to(self.device)))
    if others:
        data = QueryDataset([Item(_medium(inputs[place]), 0, 0) for place in others], self.reader)
        features.append(self.model(collate([data[index] for index in range(len(data))]).to(self.device)))
    return torch.cat(features)[torch.tensor([*arrays, *others]).argsort().to(self.device)]


def _medium(value: Any) -> Media:
    """A path of an image or a Media.

    Raises:
        MediaError: it is a string and names no file.
        TypeError: it is neither.
    """
    if not isinstance(value, str):
        raise TypeError(f"FeatureExtractor takes paths, Media, arrays and tensors, got {type(value).__name__}.")
    if not isinstance(value, Media) and not os.path.isfile(value):
        raise MediaError(
            f"There is no image {value[:200]!r}. For a caption pass aio_plugin.modality.Media('', Modality.TEXT, "
            "caption='...')."
        )
    return Media.of(value)
