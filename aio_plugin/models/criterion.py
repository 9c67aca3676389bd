"""The total loss of either method: AIO's L = L_CE + alpha L_VA + L_FB (AIO Eq. 7), DMF's L_ID + L_triplet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..losses.attribute import masked_attribute_loss
from ..losses.binding import feature_binding, info_nce
from ..losses.contrastive import identity_contrast
from ..losses.identity import cross_entropy, weighted_regularised_triplet
from ..losses.triplet import soft_margin_triplet

Terms = dict[str, tuple[float, Tensor]]
"""Weight and value of every term by its name in the log."""


@dataclass(frozen=True)
class Weights:
    """Weight of every term of AIO; 0 leaves it out. ``fields`` are the names of the ``aio.loss`` keys."""

    ce: float = 1.0
    fb: float = 1.0
    va: float = 0.3
    tau: float = 0.05
    infonce: float = 0.0
    triplet: float = 0.0

    @property
    def active(self) -> bool:
        """Whether there is anything to train on."""
        return any((self.ce, self.fb, self.va, self.infonce, self.triplet))

    def terms(self, outputs: dict[str, Tensor], smoothing: float) -> Terms:
        """The terms over :meth:`aio_plugin.models.aio.AIO.train_outputs`."""
        z, present, pid = outputs["z"], outputs["present"], outputs["pid"]
        terms = _identity(outputs, self.ce, smoothing)
        if self.fb:
            terms["loss_fb"] = (self.fb, feature_binding(z, present, pid, self.tau))
        if self.va and "attribute_logits" in outputs:
            value = masked_attribute_loss(outputs["attribute_logits"], outputs["attribute_labels"])
            terms["loss_va"] = (self.va, value)
        if self.infonce:
            terms["loss_nce"] = (self.infonce, info_nce(z, present, pid, self.tau))
        if self.triplet:
            terms["loss_t"] = (self.triplet, weighted_regularised_triplet(outputs["features"], outputs["labels"]))
        return terms


@dataclass(frozen=True)
class FusionWeights:
    """Weight of every term of DMF; 0 leaves it out."""

    ce: float = 1.0
    triplet: float = 1.0
    contrast: float = 0.0
    tau: float = 0.05

    @property
    def active(self) -> bool:
        """Whether there is anything to train on."""
        return any((self.ce, self.triplet, self.contrast))

    def terms(self, outputs: dict[str, Tensor], smoothing: float) -> Terms:
        """The terms over :meth:`aio_plugin.models.dmf.DMF.train_outputs`."""
        terms = _identity(outputs, self.ce, smoothing)
        if self.triplet:
            terms["loss_t"] = (self.triplet, soft_margin_triplet(outputs["features"], outputs["labels"]))
        if self.contrast and "both" in outputs:
            pair = outputs["image_only"], outputs["text_only"]
            terms["loss_con"] = (self.contrast, identity_contrast(*pair, outputs["both"], outputs["pid"], self.tau))
        return terms


def weights_of(model: nn.Module, options: Any) -> Weights | FusionWeights:
    """The weights that the ``aio`` config node gives for a model of ours."""
    from .dmf import DMF

    loss = options.loss
    if isinstance(model, DMF):
        return FusionWeights(loss.ce, options.dmf.triplet, options.dmf.contrast, loss.tau)
    return Weights(loss.ce, loss.fb, loss.va, loss.tau, loss.infonce, loss.triplet)


def total_loss(
    outputs: dict[str, Tensor], weights: Weights | FusionWeights, smoothing: float = 0.0
) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum over a model's training outputs, and every term's own value for the log.

    Args:
        smoothing: label smoothing of the identity loss, 0 in both papers.
    """
    terms = weights.terms(outputs, smoothing)
    if not terms:  # the only term asked for has nothing to work on in this batch
        terms = {"loss_none": (0.0, outputs["features"].sum())}
    total = torch.stack([weight * value for weight, value in terms.values()]).sum()
    summary = {"loss": float(total.detach())}
    summary.update({name: float(value.detach()) for name, (_, value) in terms.items()})
    if weights.ce and len(outputs["labels"]):
        summary["acc"] = 100 * float((outputs["logits"].argmax(1) == outputs["labels"]).float().mean())
    return total, summary


def _identity(outputs: dict[str, Tensor], weight: float, smoothing: float) -> Terms:
    if not weight:
        return {}
    return {"loss_ce": (weight, cross_entropy(outputs["logits"], outputs["labels"], smoothing))}
