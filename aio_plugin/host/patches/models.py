"""AIO's models in torchreid's model factory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from torch import nn

from ...errors import ConfigError, HostError
from ...modality import Modality
from ...models.specs import DMF_NAMES, NAMES, readable
from ..run_config import TrainingIdentities, session
from ..settings import check_name, check_settings
from .base import Patches


def patch_models(torchreid: ModuleType, patches: Patches) -> None:
    """Add every AIO model to ``torchreid.models.build_model``.

    Raises:
        HostError: a name is taken.
    """
    factory = vars(torchreid.models)["__model_factory"]
    for name in NAMES:
        if name in factory:
            raise HostError(f"torchreid has a model {name!r} already; call register() first and rename the other.")
        patches.set_item(factory, name, _builder(name))
    patches.replace_function(torchreid.models.build_model, functools.partial(_with_known_names, factory))


def _with_known_names(factory: Mapping[str, Any], stock: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """torchreid's ``build_model``, whose KeyError names the nearest model."""

    def build_model(name: str, *args: Any, **kwargs: Any) -> nn.Module:
        check_name("model.name", name, factory)
        return stock(name, *args, **kwargs)

    return build_model


def _builder(name: str) -> Callable[..., nn.Module]:
    def build_aio(num_classes: int, loss: str = "softmax", pretrained: bool = True, use_gpu: bool = True) -> nn.Module:
        """The model; ``aio.encoder.weights`` says where its weights come from.

        ``pretrained`` False is refused but for one identity, as FeatureExtractor builds it, or random weights.
        """
        from ...models.build import build_model

        if not isinstance(num_classes, TrainingIdentities):
            num_classes = _identities(num_classes)
        config, sizes, vocabulary = num_classes.config, num_classes.sizes, num_classes.vocabulary
        options = config.options()
        check_settings({"model.pretrained": pretrained or num_classes == 1}, options.encoder.weights)
        if num_classes > 1 and vocabulary is None and name in DMF_NAMES and Modality.TEXT in readable(name, options):
            raise ConfigError(
                f"{name} with text needs the phrases of the training captions. Set model.name to {name!r} and pass the "
                "data manager's num_train_pids itself as num_classes, or set aio.modalities to [rgb]."
            )
        model = build_model(name, int(num_classes), options, config.image_size, loss, vocabulary, sizes)
        model.run_config = config  # type: ignore[assignment]
        model.sources = num_classes.sources  # type: ignore[assignment]
        return model

    return build_aio


def _identities(number: int) -> TrainingIdentities:
    """A plain number of identities with the latest config, as FeatureExtractor and evaluation scripts pass it."""
    config = session.latest()
    if number > 1 and config.options().classifier.negatives == "own_dataset":
        raise ConfigError(
            "aio.classifier.negatives 'own_dataset' needs the number of identities of every source, and num_classes "
            "is a plain number. Pass the data manager's num_train_pids itself, or set it to 'all'."
        )
    return TrainingIdentities([number], config)
