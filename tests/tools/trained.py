"""A checkpoint of `aio_tiny` on the toy world, and the command line on it."""

from pathlib import Path

import torch

import aio_plugin
from aio_plugin.__main__ import main
from aio_plugin.host.main import build_data_manager, load_config
from aio_plugin.host.torchreid_import import import_torchreid

CONFIG = str(Path(aio_plugin.__file__).parents[1] / "configs" / "toy" / "aio_tiny_toy.yaml")


STAGES = (
    "[{'epochs': 1, 'sources': {'synth_pedes': {'quota': 4, 'synthetic': ['ir', 'sketch']}, 'llcm': {'quota': 2}}}]"
)
FEW = ("aio.stages", STAGES, "train.batch_size", 6, "train.max_epoch", 1, "train.fixbase_epoch", 0, "data.workers", 0)
"""Overrides that a few persons are enough for."""


def config(root, *more, config_file=CONFIG, overrides=None):
    """The demo's config on the data below ``root``, in force."""
    from argparse import Namespace

    aio_plugin.register()
    given = Namespace(config_file=str(config_file), root=str(root), sources=None, targets=None, transforms=None)
    given.opts = list(map(str, (*FEW, *more) if overrides is None else overrides))
    return load_config(given)


def manager(cfg):
    """torchreid's way to a data manager."""
    return build_data_manager(cfg)


def write_checkpoint(root, path, seed=0):
    """A checkpoint as torchreid writes it, of a model that differs from a fresh one everywhere."""
    cfg = config(root)
    torch.manual_seed(seed)
    model = import_torchreid().models.build_model("aio_tiny", num_classes=7, loss=cfg.loss.name)
    with torch.no_grad():
        for value in (*model.parameters(), *(b for n, b in model.named_buffers() if "running" in n)):
            value += 0.01 * torch.rand_like(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": {f"module.{n}": v for n, v in model.state_dict().items()}, "epoch": 3}, path)
    aio_plugin.unregister()
    return path


def command(name, root, *arguments):
    """Exit code of a command with the demo's config."""
    try:
        return main([name, "--config-file", CONFIG, "--root", str(root), *map(str, arguments), *map(str, FEW)])
    finally:
        aio_plugin.unregister()
