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
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn
from yacs.config import CfgNode

from ..errors import AIOError, ConfigError, HostError, printable
from .default_config import arguments, default_config
from .launch import connected_processes, workers_repaired
from .registration import register
from .run_config import RunConfig
from .settings import check_name, check_names
from .torchreid_import import image_datasets, import_torchreid, unreadable_explained


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
    if not (args.config_file or args.sources or args.targets or args.opts):
        raise ConfigError(
            "Nothing says what to train: give --config-file FILE (`aio-reid config --yaml MODEL > FILE` writes one), "
            "or sources by -s and the model by `model.name NAME`."
        )
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
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        open(path, "w").close()  # a Logger that fails closes the standard output
    except OSError as error:
        raise HostError(
            f"The log {path!r} cannot be written ({error.strerror}); set data.save_dir to a folder that can."
        ) from error
    logger = torchreid.utils.Logger(path)
    try:
        with contextlib.redirect_stdout(logger):
            yield
    finally:
        logger.console = io.StringIO()  # torchreid's Logger closes its console when it is deleted
        logger.close()


def load_config(args: argparse.Namespace) -> CfgNode:
    """The config of the arguments of :func:`add_arguments`.

    Raises:
        ConfigError: the file does not exist, or a key or value is wrong.
    """
    cfg = default_config()
    cfg.use_gpu = torch.cuda.is_available()
    opts = list(args.opts)
    for name in ("sources", "targets", "transforms"):  # they take what follows them: KEY VALUE pairs too
        values = getattr(args, name) or []
        first = next((place for place, value in enumerate(values) if _is_key(value)), len(values))
        opts = [*values[first:], *opts]
        setattr(args, name, values[:first])
    try:
        _merge(cfg, args, opts)
    except AIOError:
        raise
    except (
        AssertionError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:  # yacs's, where the config is not for an AIO model
        raise ConfigError(f"The config is wrong: {error.args[0] if error.args else error}") from error
    check_names(RunConfig(cfg).settings())
    if cfg.loss.name == "triplet" and cfg.loss.triplet.weight_x == 0 and cfg.train.fixbase_epoch != 0:
        raise ConfigError(
            "train.fixbase_epoch trains the classifier only, and loss.triplet.weight_x 0 removes its loss. Set "
            "train.fixbase_epoch to 0, or the weight above 0."
        )
    return cfg


def _merge(cfg: CfgNode, args: argparse.Namespace, opts: list[str]) -> None:
    if args.config_file:
        if not os.path.isfile(args.config_file):
            raise ConfigError(
                f"There is no config file {args.config_file!r}; `aio-reid config --yaml MODEL > FILE` writes one."
            )
        cfg.merge_from_file(args.config_file)
    for name in ("root", "sources", "targets", "transforms"):
        if getattr(args, name):
            cfg.data[name] = getattr(args, name)
    cfg.merge_from_list(opts)


def _is_key(value: str) -> bool:
    group, dot, _ = value.partition(".")
    return value == "use_gpu" or bool(dot and group in (*default_config(), "aio"))


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
    build = getattr(import_torchreid().data, f"{kind.title()}DataManager")
    if RunConfig(cfg).asks_for_aio:
        return build(**arguments(cfg, f"{kind}_data"))
    for key in ("data.sources", "data.targets") if kind == "image" else ():
        for name in RunConfig(cfg).setting(key, ()):
            check_name(key, name, image_datasets())
    with unreadable_explained(", ".join(cfg.data.sources), cfg.data.root):
        return build(**arguments(cfg, f"{kind}_data"))


def _model(torchreid: ModuleType, cfg: CfgNode, num_classes: int) -> Any:
    print(f"Building model: {cfg.model.name}")
    model = torchreid.models.build_model(num_classes=num_classes, **arguments(cfg, "model"))
    params, flops = torchreid.utils.compute_model_complexity(model, (1, 3, cfg.data.height, cfg.data.width))
    print(f"Model complexity: params={params:,} flops={flops:,}")
    if cfg.model.load_weights and torchreid.utils.check_isfile(cfg.model.load_weights):
        torchreid.utils.load_pretrained_weights(model, cfg.model.load_weights)
    return nn.DataParallel(model).cuda() if cfg.use_gpu else model
