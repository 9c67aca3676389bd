"""Losses, by the names that configs weigh them by: pure functions and what sums them up.

A loss from outside comes in by :func:`aio_plugin.register_loss` or an entry point of the group ``aio_plugin.losses``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from .criterion import LossInputs

    Loss = Callable[[LossInputs], Tensor | None]


def _check(name: str, loss: object) -> None:
    if not callable(loss):
        raise ConfigError(f"Loss {name!r} is {loss!r}, not a function of aio_plugin.losses.criterion.LossInputs.")


LOSSES: Registry[Loss] = Registry(
    "loss",
    "aio_plugin.losses",
    {
        name: f"{__name__}.criterion:{function}"
        for name, function in {
            "ce": "identity_loss",
            "fb": "binding_loss",
            "va": "attribute_loss",
            "infonce": "info_nce_loss",
            "triplet": "weighted_triplet_loss",
            "soft_triplet": "soft_triplet_loss",
            "contrast": "contrast_loss",
        }.items()
    },
    _check,
    ConfigError,
)
"""Every loss by its name; torch is imported when one is asked for."""
