"""The total loss L = L_CE + alpha L_VA + L_FB (AIO Eq. 7), each term switchable."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..losses.attribute import masked_attribute_loss
from ..losses.binding import feature_binding, info_nce
from ..losses.identity import cross_entropy, weighted_regularised_triplet


@dataclass(frozen=True)
class Weights:
    """Weight of every term; 0 leaves it out. ``fields`` are the names of the ``aio.loss`` keys."""

    ce: float = 1.0
    fb: float = 1.0
    va: float = 0.3
    tau: float = 0.05
    infonce: float = 0.0
    triplet: float = 0.0


def total_loss(outputs: dict[str, Tensor], weights: Weights, smoothing: float = 0.0) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum over :meth:`AIO.train_outputs`, and every term's own value for the log.

    Args:
        outputs: see :meth:`aio_plugin.models.aio.AIO.train_outputs`.
        smoothing: label smoothing of the identity loss, 0 in the paper.
    """
    z, present, pid = outputs["z"], outputs["present"], outputs["pid"]
    terms: dict[str, tuple[float, Tensor]] = {}
    if weights.ce:
        terms["loss_ce"] = (weights.ce, cross_entropy(outputs["logits"], outputs["labels"], smoothing))
    if weights.fb:
        terms["loss_fb"] = (weights.fb, feature_binding(z, present, pid, weights.tau))
    if weights.va and "attribute_logits" in outputs:
        value = masked_attribute_loss(outputs["attribute_logits"], outputs["attribute_labels"])
        terms["loss_va"] = (weights.va, value)
    if weights.infonce:
        terms["loss_nce"] = (weights.infonce, info_nce(z, present, pid, weights.tau))
    if weights.triplet:
        terms["loss_t"] = (weights.triplet, weighted_regularised_triplet(outputs["features"], outputs["labels"]))
    total = torch.stack([weight * value for weight, value in terms.values()]).sum()
    summary = {"loss": float(total.detach())}
    summary.update({name: float(value.detach()) for name, (_, value) in terms.items()})
    if weights.ce:
        summary["acc"] = 100 * float((outputs["logits"].argmax(1) == outputs["labels"]).float().mean())
    return total, summary
