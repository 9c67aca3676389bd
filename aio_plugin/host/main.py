"""`python -m aio_plugin main`: torchreid's training script, for the distribution that ships none.

Same flags, same printed lines and same behaviour as upstream's ``scripts/main.py``; under torchrun, in several
processes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch
from torch import nn
from yacs.config import CfgNode

from ..errors import ConfigError, printable
from .default_config import arguments, default_config
from .launch import connected_processes, workers_repaired
from .patches.configs import load_yaml
from .registration import register
from .torchreid_import import import_torchreid


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """torchreid's flags."""
    parser.add_argument("--config-file", default="", help="path to config file")
    parser.add_argument("-s", "--sources", nargs="+", help="source datasets (delimited by space)")
    parser.add_argument("-t", "--targets", nargs="+", help="target datasets (delimited by space)")
    parser.add_argument("--transforms", nargs="+", help="data augmentation")
    parser.add_argument("--root", default="", help="path to data root")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs that override the config")


def run_main(args: argparse.Namespace) -> None:
    """Train or test, with the arguments of :func:`add_arguments`."""
    register()
    torchreid = import_torchreid()
    with connected_processes():
        cfg = load_config(args)
        torchreid.utils.set_random_seed(cfg.train.seed)
        with _logged(torchreid, cfg), workers_repaired():
            _run(torchreid, cfg)


@contextlib.contextmanager
def _logged(torchreid: ModuleType, cfg: CfgNode) -> Iterator[None]:
    """Copy what is printed to torchreid's log file."""
    name = f"{'test' if cfg.test.evaluate else 'train'}.log{time.strftime('-%Y-%m-%d-%H-%M-%S')}"
    path = os.path.join(cfg.data.save_dir, name)
    while os.path.exists(path):  # another run began in the same second
        path += "+"
    logger = torchreid.utils.Logger(path)
    try:
        with contextlib.redirect_stdout(logger):
            yield
    finally:
        logger.flush()
        logger.console = io.StringIO()  # torchreid's Logger closes its console when it is deleted
        logger.close()


def load_config(args: argparse.Namespace) -> CfgNode:
    """The config of the arguments of :func:`add_arguments`.

    Raises:
        ConfigError: the file does not exist, or a key or value is wrong.
    """
    cfg = default_config()
    cfg.use_gpu = torch.cuda.is_available()
    if args.config_file:
        if not os.path.isfile(args.config_file):
            raise ConfigError(
                f"There is no config file {args.config_file!r}; `aio-reid config --yaml MODEL > FILE` writes one."
            )
        cfg.merge_from_other_cfg(CfgNode(load_yaml(args.config_file)))
    for name in ("root", "sources", "targets", "transforms"):
        if getattr(args, name):
            cfg.data[name] = getattr(args, name)
    cfg.merge_from_list(args.opts)
    if cfg.loss.name == "triplet" and cfg.loss.triplet.weight_x == 0 and cfg.train.fixbase_epoch != 0:
        raise ConfigError(
            "train.fixbase_epoch trains the classifier only, and loss.triplet.weight_x 0 removes its loss. Set "
            "train.fixbase_epoch to 0, or the weight above 0."
        )
    return cfg


def _run(torchreid: ModuleType, cfg: CfgNode) -> None:
    print(printable(f"Show configuration\n{cfg}\n"))
    print("Collecting env info ...")
    print(f"** System info **\n{torchreid.utils.collect_env_info()}\n")
    if cfg.use_gpu:
        torch.backends.cudnn.benchmark = True
    datamanager = build_data_manager(cfg)
    model = _model(torchreid, cfg, datamanager.num_train_pids)
    optimizer = torchreid.optim.build_optimizer(model, **arguments(cfg, "optimizer"))
    scheduler = torchreid.optim.build_lr_scheduler(optimizer, **arguments(cfg, "scheduler"))
    if cfg.model.resume and torchreid.utils.check_isfile(cfg.model.resume):
        cfg.train.start_epoch = torchreid.utils.resume_from_checkpoint(
            cfg.model.resume, model, optimizer=optimizer, scheduler=scheduler
        )
    print(f"Building {cfg.loss.name}-engine for {cfg.data.type}-reid")
    kind, more = ("Image", []) if cfg.data.type == "image" else ("Video", ["video_engine"])
    loss, groups = ("Softmax", ["engine"]) if cfg.loss.name == "softmax" else ("Triplet", ["engine", "triplet"])
    build_engine = getattr(torchreid.engine, f"{kind}{loss}Engine")
    options = arguments(cfg, *groups, *more)
    engine = build_engine(datamanager, model, optimizer=optimizer, scheduler=scheduler, **options)
    engine.run(**arguments(cfg, "run"))


def build_data_manager(cfg: CfgNode) -> Any:
    """AIO's data manager of a config, or torchreid's where the config is not for an AIO model."""
    kind = "image" if cfg.data.type == "image" else "video"
    return getattr(import_torchreid().data, f"{kind.title()}DataManager")(**arguments(cfg, f"{kind}_data"))


def _model(torchreid: ModuleType, cfg: CfgNode, num_classes: int) -> Any:
    print(f"Building model: {cfg.model.name}")
    model = torchreid.models.build_model(num_classes=num_classes, **arguments(cfg, "model"))
    params, flops = torchreid.utils.compute_model_complexity(model, (1, 3, cfg.data.height, cfg.data.width))
    print(f"Model complexity: params={params:,} flops={flops:,}")
    if cfg.model.load_weights and torchreid.utils.check_isfile(cfg.model.load_weights):
        torchreid.utils.load_pretrained_weights(model, cfg.model.load_weights)
    return nn.DataParallel(model).cuda() if cfg.use_gpu else model
