"""torchreid's config, its defaults and the arguments made from it, as in upstream's ``scripts/default_config.py``."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from yacs.config import CfgNode


def default_config() -> CfgNode:
    """A fresh config with torchreid's defaults."""
    return CfgNode(_defaults())


@functools.cache
def _defaults() -> dict[str, Any]:
    defaults: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return defaults


def _keys(group: str, names: str) -> dict[str, str]:
    """Argument -> key, for arguments that have the name of their key in ``group``."""
    return {name: f"{group}.{name}" for name in names.split()}


_DATA = {
    **_keys("data", "root sources targets height width transforms norm_mean norm_std split_id combineall workers"),
    **_keys("sampler", "train_sampler num_instances num_cams num_datasets"),
    "batch_size_train": "train.batch_size",
    "batch_size_test": "test.batch_size",
    "use_gpu": "use_gpu",
}
ARGUMENTS: dict[str, dict[str, str]] = {
    "image_data": {
        **_DATA,
        **_keys("data", "k_tfm load_train_targets"),
        **_keys("sampler", "train_sampler_t"),
        "cuhk03_labeled": "cuhk03.labeled_images",
        "cuhk03_classic_split": "cuhk03.classic_split",
        "market1501_500k": "market1501.use_500k_distractors",
    },
    "video_data": {**_DATA, **_keys("video", "seq_len sample_method")},
    "model": {**_keys("model", "name pretrained"), "loss": "loss.name", "use_gpu": "use_gpu"},
    "optimizer": {
        **_keys("train", "optim lr weight_decay staged_lr new_layers base_lr_mult"),
        "momentum": "sgd.momentum",
        "sgd_dampening": "sgd.dampening",
        "sgd_nesterov": "sgd.nesterov",
        "rmsprop_alpha": "rmsprop.alpha",
        "adam_beta1": "adam.beta1",
        "adam_beta2": "adam.beta2",
    },
    "scheduler": _keys("train", "lr_scheduler stepsize gamma max_epoch"),
    "engine": {**_keys("loss.softmax", "label_smooth"), "use_gpu": "use_gpu"},
    "triplet": _keys("loss.triplet", "margin weight_t weight_x"),
    "video_engine": _keys("video", "pooling_method"),
    "run": {
        **_keys("data", "save_dir"),
        **_keys("train", "max_epoch start_epoch fixbase_epoch open_layers print_freq"),
        **_keys("test", "start_eval eval_freq dist_metric normalize_feature visrank visrank_topk ranks rerank"),
        "test_only": "test.evaluate",
        **_keys("cuhk03", "use_metric_cuhk03"),
    },
}
"""Group -> keyword argument of torchreid -> config key."""


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of every leaf of nested mappings."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def arguments(cfg: CfgNode, *groups: str) -> dict[str, Any]:
    """The keyword arguments that a part of torchreid takes from the config.

    Args:
        cfg: a whole config, ``use_gpu`` included.
        groups: any of ``image_data``, ``video_data``, ``model``, ``optimizer``, ``scheduler``, ``engine``,
            ``triplet``, ``video_engine`` and ``run``.
    """
    return {
        argument: functools.reduce(operator.getitem, key.split("."), cfg)
        for group in groups
        for argument, key in ARGUMENTS[group].items()
    }
