"""The total loss of either method: AIO's L = L_CE + alpha L_VA + L_FB (AIO Eq. 7), DMF's L_ID + L_triplet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .attribute import masked_attribute_loss
from .binding import feature_binding, info_nce
from .contrastive import identity_contrast
from .gathering import anywhere, gather_rows, mean_of_all
from .identity import cross_entropy, weighted_regularised_triplet
from .partial_fc import partial_cross_entropy
from .triplet import soft_margin_triplet

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

    @classmethod
    def of(cls, options: Any) -> Weights:
        """The weights of the ``aio`` config node."""
        loss = options.loss
        return cls(loss.ce, loss.fb, loss.va, loss.tau, loss.infonce, loss.triplet)

    @property
    def active(self) -> bool:
        """Whether there is anything to train on."""
        return any((self.ce, self.fb, self.va, self.infonce, self.triplet))

    def terms(self, outputs: dict[str, Tensor], smoothing: float) -> Terms:
        """The terms over :meth:`aio_plugin.models.aio.AIO.train_outputs`."""
        terms = _identity(outputs, self.ce, smoothing)
        if self.fb or self.infonce:
            z, present, pid = gather_rows(outputs["z"], outputs["present"], outputs["pid"])
        if self.fb:
            terms["loss_fb"] = (self.fb, feature_binding(z, present, pid, self.tau))
        if self.va and anywhere("attribute_logits" in outputs, outputs["z"]):
            terms["loss_va"] = (self.va, _attributes(outputs))
        if self.infonce:
            terms["loss_nce"] = (self.infonce, info_nce(z, present, pid, self.tau))
        if self.triplet:
            features, labels = gather_rows(outputs["features"], outputs["labels"])
            terms["loss_t"] = (self.triplet, weighted_regularised_triplet(features, labels))
        return terms


@dataclass(frozen=True)
class FusionWeights:
    """Weight of every term of DMF; 0 leaves it out."""

    ce: float = 1.0
    triplet: float = 1.0
    contrast: float = 0.0
    tau: float = 0.05

    @classmethod
    def of(cls, options: Any) -> FusionWeights:
        """The weights of the ``aio`` config node."""
        return cls(options.loss.ce, options.dmf.triplet, options.dmf.contrast, options.loss.tau)

    @property
    def active(self) -> bool:
        """Whether there is anything to train on."""
        return any((self.ce, self.triplet, self.contrast))

    def terms(self, outputs: dict[str, Tensor], smoothing: float) -> Terms:
        """The terms over :meth:`aio_plugin.models.dmf.DMF.train_outputs`."""
        terms = _identity(outputs, self.ce, smoothing)
        if self.triplet:
            features, labels = gather_rows(outputs["features"], outputs["labels"])
            terms["loss_t"] = (self.triplet, soft_margin_triplet(features, labels))
        if self.contrast and anywhere("both" in outputs, outputs["features"]):
            image, text, both, pid = gather_rows(*_pairs(outputs))
            terms["loss_con"] = (self.contrast, identity_contrast(image, text, both, pid, self.tau))
        return terms


def weights_of(model: Any, options: Any) -> Weights | FusionWeights:
    """The weights that the ``aio`` config node gives for a model of ours."""
    weights: Weights | FusionWeights = model.loss_weights(options)
    return weights


def total_loss(
    outputs: dict[str, Tensor], weights: Weights | FusionWeights, smoothing: float = 0.0
) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum over a model's training outputs, and every term's own value for the log.

    With several ranks both are those of the global batch on each of them (:mod:`aio_plugin.losses.gathering`).

    ``acc`` there is the percentage of features whose own class scores highest among those they were compared
    with: all, or by ``aio.classifier`` a sample of them, or those of the own dataset. It is higher the fewer they are.

    Args:
        smoothing: label smoothing of the identity loss, 0 in both papers.
    """
    terms = weights.terms(outputs, smoothing)
    if not terms:  # the only term asked for has nothing to work on in this batch
        terms = {"loss_none": (0.0, outputs["features"].sum())}
    total = torch.stack([weight * value for weight, value in terms.values()]).sum()
    summary = {"loss": float(total.detach())}
    summary.update({name: float(value.detach()) for name, (_, value) in terms.items()})
    labels = outputs["labels"]
    if weights.ce and anywhere(len(labels) > 0, labels):
        hits = _hits(outputs)
        summary["acc"] = 100 * float(mean_of_all(hits.float().sum() / max(len(hits), 1), len(hits)))
    return total, summary


def _identity(outputs: dict[str, Tensor], weight: float, smoothing: float) -> Terms:
    if not weight:
        return {}
    if "log_p" in outputs:
        rows, value = len(outputs["log_p"]), partial_cross_entropy(outputs["log_p"], outputs["log_p_mean"], smoothing)
    else:
        rows, value = len(outputs["logits"]), cross_entropy(outputs["logits"], outputs["labels"], smoothing)
    return {"loss_ce": (weight, mean_of_all(value, rows))}


def _attributes(outputs: dict[str, Tensor]) -> Tensor:
    """The loss of masked words, of which this rank may have none."""
    if "attribute_logits" not in outputs:
        return mean_of_all(outputs["features"].sum() * 0.0, 0)
    labels = outputs["attribute_labels"]
    return mean_of_all(masked_attribute_loss(outputs["attribute_logits"], labels), len(labels))


def _pairs(outputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """Image alone, text alone, who has both and who it is; no rows where this rank has no text."""
    if "both" in outputs:
        return outputs["image_only"], outputs["text_only"], outputs["both"], outputs["pid"]
    features, labels = outputs["features"][:0], outputs["labels"][:0]
    return features, features, labels.bool(), labels


def _hits(outputs: dict[str, Tensor]) -> Tensor:
    return outputs["hit"] if "hit" in outputs else outputs["logits"].argmax(1) == outputs["labels"]
