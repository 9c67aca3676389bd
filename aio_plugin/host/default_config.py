"""torchreid's config and its defaults, for the `main` command; PyPI's torchreid ships none.

The keys and values are those of upstream's ``scripts/default_config.py``.
"""

from __future__ import annotations

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


_DATA = {
    "root": "data.root",
    "sources": "data.sources",
    "targets": "data.targets",
    "height": "data.height",
    "width": "data.width",
    "transforms": "data.transforms",
    "norm_mean": "data.norm_mean",
    "norm_std": "data.norm_std",
    "use_gpu": "use_gpu",
    "split_id": "data.split_id",
    "combineall": "data.combineall",
    "batch_size_train": "train.batch_size",
    "batch_size_test": "test.batch_size",
    "workers": "data.workers",
    "num_instances": "sampler.num_instances",
    "num_cams": "sampler.num_cams",
    "num_datasets": "sampler.num_datasets",
    "train_sampler": "sampler.train_sampler",
}
ARGUMENTS: dict[str, dict[str, str]] = {
    "image_data": {
        **_DATA,
        "k_tfm": "data.k_tfm",
        "load_train_targets": "data.load_train_targets",
        "train_sampler_t": "sampler.train_sampler_t",
        "cuhk03_labeled": "cuhk03.labeled_images",
        "cuhk03_classic_split": "cuhk03.classic_split",
        "market1501_500k": "market1501.use_500k_distractors",
    },
    "video_data": {**_DATA, "seq_len": "video.seq_len", "sample_method": "video.sample_method"},
    "model": {"name": "model.name", "loss": "loss.name", "pretrained": "model.pretrained", "use_gpu": "use_gpu"},
    "optimizer": {
        "optim": "train.optim",
        "lr": "train.lr",
        "weight_decay": "train.weight_decay",
        "momentum": "sgd.momentum",
        "sgd_dampening": "sgd.dampening",
        "sgd_nesterov": "sgd.nesterov",
        "rmsprop_alpha": "rmsprop.alpha",
        "adam_beta1": "adam.beta1",
        "adam_beta2": "adam.beta2",
        "staged_lr": "train.staged_lr",
        "new_layers": "train.new_layers",
        "base_lr_mult": "train.base_lr_mult",
    },
    "scheduler": {
        "lr_scheduler": "train.lr_scheduler",
        "stepsize": "train.stepsize",
        "gamma": "train.gamma",
        "max_epoch": "train.max_epoch",
    },
    "engine": {"use_gpu": "use_gpu", "label_smooth": "loss.softmax.label_smooth"},
    "triplet": {
        "margin": "loss.triplet.margin",
        "weight_t": "loss.triplet.weight_t",
        "weight_x": "loss.triplet.weight_x",
    },
    "video_engine": {"pooling_method": "video.pooling_method"},
    "run": {
        "save_dir": "data.save_dir",
        "max_epoch": "train.max_epoch",
        "start_epoch": "train.start_epoch",
        "fixbase_epoch": "train.fixbase_epoch",
        "open_layers": "train.open_layers",
        "start_eval": "test.start_eval",
        "eval_freq": "test.eval_freq",
        "test_only": "test.evaluate",
        "print_freq": "train.print_freq",
        "dist_metric": "test.dist_metric",
        "normalize_feature": "test.normalize_feature",
        "visrank": "test.visrank",
        "visrank_topk": "test.visrank_topk",
        "use_metric_cuhk03": "cuhk03.use_metric_cuhk03",
        "ranks": "test.ranks",
        "rerank": "test.rerank",
    },
}


def arguments(cfg: CfgNode, *groups: str) -> dict[str, Any]:
    """The keyword arguments that a part of torchreid takes from the config.

    Args:
        cfg: a whole config, ``use_gpu`` included.
        groups: any of ``image_data``, ``video_data``, ``model``, ``optimizer``, ``scheduler``, ``engine``,
            ``triplet``, ``video_engine`` and ``run``.
    """
    return {argument: _value(cfg, key) for group in groups for argument, key in ARGUMENTS[group].items()}


def _value(cfg: Any, key: str) -> Any:
    for part in key.split("."):
        cfg = cfg[part]
    return cfg
