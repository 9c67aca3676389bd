"""torchreid's data managers and models with what the host tests have in common, and comparison of saved trees."""

import torch
from yacs.config import CfgNode

from aio_plugin.host.default_config import arguments, default_config


def data_manager(torchreid, root, sources="market1501", **options):
    sizes = {"height": 64, "width": 32, "batch_size_train": 4, "batch_size_test": 16}
    return torchreid.data.ImageDataManager(
        **{"root": str(root), "sources": sources, "workers": 0, "use_gpu": False, **sizes, **options}
    )


def build_model(torchreid, name="aio_tiny", classes=5, **options):
    return torchreid.models.build_model(name, num_classes=classes, pretrained=False, use_gpu=False, **options)


def config(root, **aio):
    cfg = default_config()
    quick = {"test": {"report": False, "pixels": False}, "train": {"warmup_epochs": 0}}
    aio = {"encoder": {"weights": "random"}, **quick, **aio}
    data = {"root": str(root), "height": 64, "width": 32, "workers": 0}
    train = {"batch_size": 4, "max_epoch": 2, "optim": "adamw", "lr_scheduler": "cosine_warmup"}
    cfg.merge_from_other_cfg(CfgNode({"aio": aio, "data": data, "train": train, "model": {"name": "aio_tiny"}}))
    cfg.use_gpu = False
    return cfg


def build_engine(torchreid, cfg):
    """What torchreid's main.py builds from a config."""
    manager = torchreid.data.ImageDataManager(**arguments(cfg, "image_data"))
    model = torchreid.models.build_model(num_classes=manager.num_train_pids, **arguments(cfg, "model"))
    optimizer = torchreid.optim.build_optimizer(model, **arguments(cfg, "optimizer"))
    scheduler = torchreid.optim.build_lr_scheduler(optimizer, **arguments(cfg, "scheduler"))
    options = arguments(cfg, "engine")
    return torchreid.engine.ImageSoftmaxEngine(manager, model, optimizer, scheduler=scheduler, **options)


def leaves(value, path=""):
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from leaves(inner, f"{path}/{key}")
    else:
        yield path, value


def same(one, two):
    """Whether two trees of dictionaries and lists are equal, tensors to the last bit."""
    first, second = dict(leaves(one)), dict(leaves(two))
    return first.keys() == second.keys() and all(
        torch.equal(value, second[key]) if isinstance(value, torch.Tensor) else value == second[key]
        for key, value in first.items()
    )
