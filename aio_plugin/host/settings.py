"""Which of torchreid's settings apply to AIO models; the others are refused, with the cure."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Any

import torch

from ..encoders.pretrained import RANDOM
from ..errors import ConfigError, nearest
from ..options import rule
from .default_config import default_config, flattened
from .torchreid_import import import_torchreid

TRIPLET = "For a triplet loss set aio.loss.triplet, the weight of AGW's triplet (of a DMF, aio.dmf.triplet)."
_VIDEO = "AIO models read single images, of one modality or several."
_SAMPLERS = "AIO models are trained with RandomSampler or RandomIdentitySampler."
_ONE_VIEW = "AIO models take one view of every modality."

UNUSED: Mapping[str, str] = {
    "data.type": _VIDEO,
    "data.k_tfm": _ONE_VIEW,
    "data.load_train_targets": "AIO models are not trained on targets.",
    "cuhk03.use_metric_cuhk03": "The targets cuhk03_classic_detected and cuhk03_classic_labeled are scored so.",
    "sampler.train_sampler_t": "AIO models are not trained on targets.",
    "sampler.num_cams": _SAMPLERS,
    "sampler.num_datasets": _SAMPLERS,
    "video.seq_len": _VIDEO,
    "video.sample_method": _VIDEO,
    "video.pooling_method": _VIDEO,
    "loss.name": TRIPLET,
    "loss.triplet.margin": TRIPLET,
    "loss.triplet.weight_t": TRIPLET,
    "loss.triplet.weight_x": TRIPLET,
}
"""Keys that do nothing for AIO models, and why. They are accepted at their default alone."""

DATASET_ARGUMENTS = {
    "data.split_id": "split_id",
    "cuhk03.labeled_images": "cuhk03_labeled",
    "cuhk03.classic_split": "cuhk03_classic_split",
    "market1501.use_500k_distractors": "market1501_500k",
}
"""Key -> the argument of torchreid's own datasets that it is; ours have options of their own."""

_positive = rule(lambda value: value >= 1, "at least 1")
_not_negative = rule(lambda value: value >= 0, "at least 0")
_RULES = {
    **dict.fromkeys(
        (
            "data.height",
            "data.width",
            "train.batch_size",
            "test.batch_size",
            "sampler.num_instances",
            "train.print_freq",
            "test.visrank_topk",
        ),
        _positive,
    ),
    **dict.fromkeys(
        ("data.workers", "train.max_epoch", "train.start_epoch", "train.fixbase_epoch", "train.lr", "train.seed"),
        _not_negative,
    ),
    "train.stepsize": rule(lambda value: value and (type(value) is int or min(value) >= 1), "epochs, each at least 1"),
    "test.ranks": rule(lambda value: value and min(value) >= 1, "a list of ranks, each at least 1"),
    "test.dist_metric": rule(lambda value: value in ("euclidean", "cosine"), "'euclidean' or 'cosine'"),
    "data.norm_mean": rule(lambda value: value is None or len(value) == 3, "three numbers"),
    "data.norm_std": rule(lambda value: value is None or (len(value) == 3 and min(value) > 0), "three numbers above 0"),
}


DEFAULTS: Mapping[str, Any] = dict(flattened(default_config()))
"""torchreid's keys and their defaults, but for ``use_gpu``."""


def check_settings(values: Mapping[str, Any], encoder_weights: str = "") -> None:
    """Refuse what would do nothing for an AIO model, or cannot be done.

    Args:
        values: dotted key -> value, of a whole config or of some keys.
        encoder_weights: aio.encoder.weights.

    Raises:
        ConfigError: a setting is refused.
    """
    for key, why in UNUSED.items():
        if values.get(key, DEFAULTS[key]) != DEFAULTS[key]:
            raise ConfigError(
                f"{key} is {values[key]!r}, which AIO models do not support. {why} Leave it at {DEFAULTS[key]!r}."
            )
    if not values.get("model.pretrained", True) and encoder_weights != RANDOM:
        raise ConfigError(
            "model.pretrained False does not apply to AIO models: aio.encoder.weights says where the encoder's weights "
            f"come from. Leave it at True, or set aio.encoder.weights to {RANDOM!r} for random ones."
        )
    for key in ("test.rerank", "test.visrank"):
        if values.get(key) and not values.get("test.evaluate", True):
            raise ConfigError(
                f"{key} applies to a test without training: set test.evaluate to True, or {key} to False."
            )
    for key, accepts in _RULES.items():
        if key in values and (wrong := accepts(values[key])):
            raise ConfigError(f"{key} is {values[key]!r}.{wrong}")
    check_cuda(values.get("use_gpu", False))


def check_dataset_arguments(values: Mapping[str, Any], datasets: Mapping[str, Any]) -> None:
    """Refuse options of torchreid's own datasets that none of the ``datasets``, by name, takes.

    Raises:
        ConfigError: an option is refused.
    """
    taken = {name for each in datasets.values() for name in inspect.signature(each).parameters}
    for key, argument in DATASET_ARGUMENTS.items():
        if values.get(key, DEFAULTS[key]) != DEFAULTS[key] and argument not in taken:
            raise ConfigError(
                f"{key} is {values[key]!r}, which none of the datasets takes ({', '.join(datasets)}). Leave it at "
                f"{DEFAULTS[key]!r}; options of AIO's datasets are below aio.datasets."
            )


def check_cuda(use_gpu: bool) -> None:
    """Raise ConfigError if ``use_gpu`` is set where torch has no CUDA device."""
    if use_gpu and not torch.cuda.is_available():
        raise ConfigError(
            "use_gpu is True, but torch finds no CUDA device. Set it to False, or install torch for your CUDA "
            "(`aio-reid doctor` says what is installed)."
        )


def check_names(values: Mapping[str, Any]) -> None:
    """Raise ConfigError if a model, an optimiser or a scheduler of a config is unknown."""
    torchreid = import_torchreid()
    for key, known in (
        ("model.name", vars(torchreid.models)["__model_factory"]),
        ("train.optim", torchreid.optim.optimizer.AVAI_OPTIMS),
        ("train.lr_scheduler", torchreid.optim.lr_scheduler.AVAI_SCH),
    ):
        if key in values:
            check_name(key, values[key], known)


def check_name(key: str, name: object, known: Collection[str]) -> None:
    """Raise ConfigError if ``name``, the value of ``key``, is not ``known``; it names the nearest."""
    if name not in known:
        text = str(name)
        hint = "" if "." not in text else " KEY VALUE pairs stand behind a flag of one value, such as --root DIR."
        raise ConfigError(f"{key}: there is no {text!r}.{nearest(text, known)}{hint}")
