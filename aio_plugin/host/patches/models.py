"""AIO's models in torchreid's model factory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from ...errors import HostError
from ...models.specs import NAMES
from ..session import session
from .base import Patches


def patch_models(torchreid: Any, patches: Patches) -> None:
    """Add every AIO model to ``torchreid.models.build_model``.

    Raises:
        HostError: a name is taken.
    """
    factory = vars(torchreid.models)["__model_factory"]
    for name in NAMES:
        if name in factory:
            raise HostError(f"torchreid has a model {name!r} already; call register() first and rename the other.")
        patches.set_item(factory, name, _builder(name))


def _builder(name: str) -> Callable[..., nn.Module]:
    def build_aio(num_classes: int, loss: str = "softmax", pretrained: bool = True, use_gpu: bool = True) -> nn.Module:
        """The model; ``aio.encoder.weights`` says where its weights come from, not ``pretrained``."""
        from ...models.build import build_model

        size, phrases = session.image_size(), session.vocabulary
        return build_model(name, num_classes, session.options(), size, loss, phrases, session.sizes)

    return build_aio
