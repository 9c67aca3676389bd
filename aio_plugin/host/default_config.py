"""torchreid's config and its defaults, for the `main` command; PyPI's torchreid ships none.

The keys and values are those of upstream's ``scripts/default_config.py``.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

from yacs.config import CfgNode

_DEFAULTS: dict[str, Any] = {
    "model": {"name": "resnet50", "pretrained": True, "load_weights": "", "resume": ""},
    "data": {
        "type": "image",
        "root": "reid-data",
        "sources": ["market1501"],
        "targets": ["market1501"],
        "workers": 4,
        "split_id": 0,
        "height": 256,
        "width": 128,
        "combineall": False,
        "transforms": ["random_flip"],
        "k_tfm": 1,
        "norm_mean": [0.485, 0.456, 0.406],
        "norm_std": [0.229, 0.224, 0.225],
        "save_dir": "log",
        "load_train_targets": False,
    },
    "market1501": {"use_500k_distractors": False},
    "cuhk03": {"labeled_images": False, "classic_split": False, "use_metric_cuhk03": False},
    "sampler": {
        "train_sampler": "RandomSampler",
        "train_sampler_t": "RandomSampler",
        "num_instances": 4,
        "num_cams": 1,
        "num_datasets": 1,
    },
    "video": {"seq_len": 15, "sample_method": "evenly", "pooling_method": "avg"},
    "train": {
        "optim": "adam",
        "lr": 0.0003,
        "weight_decay": 5e-4,
        "max_epoch": 60,
        "start_epoch": 0,
        "batch_size": 32,
        "fixbase_epoch": 0,
        "open_layers": ["classifier"],
        "staged_lr": False,
        "new_layers": ["classifier"],
        "base_lr_mult": 0.1,
        "lr_scheduler": "single_step",
        "stepsize": [20],
        "gamma": 0.1,
        "print_freq": 20,
        "seed": 1,
    },
    "sgd": {"momentum": 0.9, "dampening": 0.0, "nesterov": False},
    "rmsprop": {"alpha": 0.99},
    "adam": {"beta1": 0.9, "beta2": 0.999},
    "loss": {
        "name": "softmax",
        "softmax": {"label_smooth": True},
        "triplet": {"margin": 0.3, "weight_t": 1.0, "weight_x": 0.0},
    },
    "test": {
        "batch_size": 100,
        "dist_metric": "euclidean",
        "normalize_feature": False,
        "ranks": [1, 5, 10, 20],
        "evaluate": False,
        "eval_freq": -1,
        "start_eval": 0,
        "rerank": False,
        "visrank": False,
        "visrank_topk": 10,
    },
}


def default_config() -> CfgNode:
    """A fresh config with torchreid's defaults."""
    return CfgNode(_DEFAULTS)


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
