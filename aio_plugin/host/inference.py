"""Config, data and trained model for the tools that neither train nor test."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable

from torch import Tensor, nn
from yacs.config import CfgNode

from ..datasets import ADAPTERS
from ..errors import ConfigError
from ..evaluation.features import feature_function
from ..modality import Batch
from ..models.specs import NAMES
from ..protocols.whole_gallery import WholeGallery
from ..training.optimisation import autocast_dtype
from .data_manager import AIODataManager
from .default_config import arguments
from .main import build_data_manager, load_config
from .patches.configs import take_settings
from .registration import register
from .run_config import RunConfig, TrainingIdentities
from .targets import Target, split_target
from .torchreid_import import import_torchreid
from .weights import check_use, config_data_settings, load_weights


def load_aio_config(args: argparse.Namespace) -> CfgNode:
    """The config of the arguments of :func:`aio_plugin.host.main.add_arguments`.

    Raises:
        ConfigError: a key or value is wrong, or the model is not one of ours.
    """
    register()
    cfg: CfgNode = load_config(args)
    if "aio" not in cfg or cfg.model.name not in NAMES:
        raise ConfigError(
            f"The config has no `aio:` node or no AIO model (model.name is {cfg.model.name!r}); give the --config-file "
            f"of one of {', '.join(NAMES)}."
        )
    return cfg


def training_data(cfg: CfgNode) -> AIODataManager:
    """The data manager of a config: sources, stages and targets."""
    with contextlib.redirect_stdout(sys.stderr):  # where progress belongs
        manager: AIODataManager = build_data_manager(cfg)
    return manager


class TestData(AIODataManager):
    """AIO's data manager of targets alone: sources need not be on this machine."""

    def _load_sources(self, batch_size: int) -> None:
        self.training_sources, self.stages = [], ()
        self.train_loader = self.train_loader_t = self.coverage = None
        self._num_train_pids, self._num_train_cams = TrainingIdentities([], self.config), 0

    def _show_summary(self) -> None:
        """Nothing to show: there are no sources."""

    def _target(self, spec: str) -> Target:
        name, written = split_target(spec)
        if name == "manifest" and not written:
            adapter, values = ADAPTERS[name], dict(self.options.datasets[name])
            if not adapter.queries_in(self.root, values):
                return Target(spec, WholeGallery(name), [], list(adapter.read(self.root, values, None).gallery))
        return super()._target(spec)


def test_data(cfg: CfgNode, spec: str) -> tuple[TestData, Target]:
    """A data manager without sources, and its only target.

    Args:
        spec: a target as data.targets names it. A ``manifest`` may have a gallery only.
    """
    cfg.data.targets, cfg.aio.train.select_target, cfg.aio.test.attributes = [spec], "", False
    with contextlib.redirect_stdout(sys.stderr):
        manager = TestData(**arguments(cfg, "image_data"), config=RunConfig(cfg))
    return manager, manager.test_targets[spec]


def trained_model(cfg: CfgNode, weights: str) -> nn.Module:
    """The model of a config with the weights of a checkpoint or an export, in eval mode, on the CPU.

    What the config leaves open is taken from the file. Classifier, attribute decoder and DMF's text branch need not
    fit, as features do not depend on them.

    Raises:
        EncoderError: the file does not exist, or cannot be read safely.
        CheckpointError: it does not fit the model of the config; names the first differences.
    """
    with contextlib.redirect_stdout(sys.stderr):
        take_settings(cfg, weights)
        config = RunConfig(cfg)
        identity = TrainingIdentities([1], config)
        model: nn.Module = import_torchreid().models.build_model(num_classes=identity, **arguments(cfg, "model"))
        load_weights(model, weights, "--weights")
        check_use(model, config_data_settings(config), test_only=True)
    return model.eval()


def features_of(cfg: CfgNode, model: nn.Module) -> Callable[[Batch], Tensor]:
    """A function from a batch to its retrieval features (B, D), float32, of unit length, as in testing."""
    precision = autocast_dtype(cfg.aio.train.precision, cfg.use_gpu)
    return feature_function(model, "cuda" if cfg.use_gpu else "cpu", precision)
