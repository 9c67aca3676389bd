"""torchreid's ``FeatureExtractor`` on AIO models: settings of their weights, and media of every modality."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ...errors import CheckpointError, MediaError, printable
from ...modality import Batch
from ...models.feature_settings import DATA_KEYS, data_settings, describe_differences, differing
from ...models.specs import NAMES
from ...options import merge
from ...search.loading import load_file, ready_model
from ...search.model import ReIDModel
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
    from torchvision.transforms import ToPILImage

    name, path, utils = arguments["model_name"], arguments["model_path"], import_torchreid().utils
    record = recorded(path, "model_path") if path else None
    device = torch.device(arguments["device"])
    if record:
        _refuse_others(by_hand, record["features"], path)
        given: Any = merge(session.registered, {"model": {"name": name}})
        encoder = load_file(path, device, given, "model_path")
        print(printable(f'Successfully loaded pretrained weights from "{path}"'))
    else:
        encoder = _of_config(arguments, by_hand, device)
    if not path:
        warnings.warn(f"FeatureExtractor({name!r}) without model_path: the model is not trained.", stacklevel=3)
    if arguments["verbose"]:
        params, flops = utils.compute_model_complexity(encoder.model, (1, 3, *encoder.image_size))
        print(f"Model: {name}\n- params: {params:,}\n- flops: {flops:,}")
    self.encoder, self.model, self.device = encoder, encoder.model, device
    self.to_pil, self.preprocess = ToPILImage(), encoder.reader.transform


def _of_config(arguments: Mapping[str, Any], by_hand: Mapping[str, Any], device: torch.device) -> ReIDModel:
    """The model of the config in force, and of weights that do not record theirs."""
    name, path = arguments["model_name"], arguments["model_path"]
    latest, registered = session.latest(), RunConfig(session.registered)
    config = latest if latest.asks_for_aio or not registered else registered
    settings = config_data_settings(config)
    if not settings or by_hand.keys() & {SIZE, MEAN, STD}:
        size = arguments[SIZE]
        height, width = (size, size) if isinstance(size, int) else size
        own = data_settings(height, width, arguments[MEAN], arguments[STD])
        given = {key for argument, keys in _KEYS.items() if argument in by_hand for key in keys}
        settings = {key: own[key] if key in given else settings.get(key, own[key]) for key in DATA_KEYS}
    identities = TrainingIdentities([1], config)
    model = import_torchreid().models.build_model(name, num_classes=identities, use_gpu=device.type == "cuda")
    if path:
        load_weights(model, path, "model_path")
        check_use(model, settings, test_only=True)
    settings = {**model.feature_settings, **settings}
    return ready_model(model, name, settings, config.options(), device, path, arguments[NORM])


_KEYS = {SIZE: DATA_KEYS[:2], MEAN: DATA_KEYS[2:3], STD: DATA_KEYS[3:]}
"""Argument of FeatureExtractor -> the config keys that it stands for."""


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
        if not is_aio(self.model):
            return stock(self, input)
        if isinstance(input, Tensor):
            images = input[None] if input.ndim == 3 else input
            return self.encoder.features(Batch.rgb(images.to(self.device)))  # type: ignore[no-any-return]
        return _features(self, list(input) if isinstance(input, (list, tuple)) else [input])

    return __call__


def _features(self: Any, inputs: Sequence[Any]) -> Tensor:
    """Features (B, D) of what :meth:`aio_plugin.search.model.ReIDModel.encode` takes."""
    if not inputs:
        raise MediaError("There is nothing to extract features of: the list is empty.")
    return self.encoder.encode(inputs).to(self.device)  # type: ignore[no-any-return]
