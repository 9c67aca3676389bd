"""The total loss of either method: AIO's L = L_CE + alpha L_VA + L_FB (AIO Eq. 7), DMF's L_ID + L_triplet.

Every term is a registered loss: a function of :class:`LossInputs` that returns a scalar, the same on every rank, or
None where no rank has anything to compute it from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..config import AIOConfig, modalities
from ..errors import ConfigError, nearest
from ..modality import Combination
from . import LOSSES
from .binding import binding_state, feature_binding, identity_contrast, info_nce
from .cross_entropy import cross_entropy, partial_cross_entropy
from .shards import anywhere, gather_rows, mean_of_all
from .triplet import soft_margin_triplet, weighted_regularised_triplet

LOG_NAMES = {"infonce": "loss_nce", "triplet": "loss_t", "soft_triplet": "loss_t", "contrast": "loss_con"}
"""What a loss is called in the log, where that is not ``loss_<name>``."""


@dataclass(frozen=True)
class LossInputs:
    """What a loss is computed from: the training outputs of a model for one batch.

    With several processes, ``z`` to ``labels`` hold the rows of all ranks, rank after rank, and only this rank's rows
    carry gradient. A loss that is a function of them is thus the loss of the global batch. Reading them is a
    collective operation: read them whatever the values of this rank are, before any ``if``.

    Attributes:
        outputs: everything that the model gave on this rank, see ``train_outputs`` of the models.
        tau: ``aio.loss.tau``.
        smoothing: label smoothing of the identity loss, 0 in both papers.
        modalities: the columns of ``z`` and ``present``, in order; RGB is the first.
    """

    outputs: Mapping[str, Tensor]
    tau: float = 0.05
    smoothing: float = 0.0
    modalities: Combination = ()

    @property
    def z(self) -> Tensor:
        """(B, M, D) raw features of single modalities, zeros where missing; of AIO models."""
        return self._items[0]

    @property
    def present(self) -> Tensor:
        """(B, M) bool: which modalities an item has; of AIO models."""
        return self._items[1]

    @property
    def pid(self) -> Tensor:
        """(B,) int64: the person of an item; of AIO models."""
        return self._items[2]

    @property
    def features(self) -> Tensor:
        """(R, D) every feature that is classified, multimodal ones included, before the bottleneck."""
        return self._classified[0]

    @property
    def labels(self) -> Tensor:
        """(R,) int64: the person of each of ``features``."""
        return self._classified[1]

    def output(self, name: str) -> Tensor:
        """``outputs[name]`` of this rank.

        Raises:
            ConfigError: the model has no such output.
        """
        if name not in self.outputs:
            raise ConfigError(
                f"A loss needs the output {name!r}, which the model does not have (it has {', '.join(self.outputs)}). "
                "Set the weight of that loss to 0, or choose another model."
            )
        return self.outputs[name]

    @cached_property
    def _items(self) -> tuple[Tensor, ...]:
        return gather_rows(self.output("z"), self.output("present"), self.output("pid"))

    @cached_property
    def _classified(self) -> tuple[Tensor, ...]:
        return gather_rows(self.output("features"), self.output("labels"))


@dataclass(frozen=True)
class LossWeights:
    """Which losses a model is trained with.

    Attributes:
        weights: weight of each loss by its registered name, in the order of the sum; 0 leaves it out.
        tau, modalities: see :class:`LossInputs`.
    """

    weights: Mapping[str, float]
    tau: float = 0.05
    modalities: Combination = ()

    def __post_init__(self) -> None:
        for name in self.weights:
            if name not in LOSSES:
                raise ConfigError(f"Unknown loss {name!r} in aio.loss.others.{nearest(name, LOSSES)}")

    @property
    def active(self) -> bool:
        """Whether there is anything to train on."""
        return any(self.weights.values())


def aio_weights(options: AIOConfig) -> LossWeights:
    """The losses of an AIO model by the ``aio`` config node."""
    loss = options.loss
    own = {"ce": loss.ce, "fb": loss.fb, "va": loss.va, "infonce": loss.infonce, "triplet": loss.triplet}
    return LossWeights(_with_others(own, options), loss.tau, modalities(options))


def dmf_weights(options: AIOConfig) -> LossWeights:
    """The losses of a DMF model by the ``aio`` config node."""
    own = {"ce": options.loss.ce, "soft_triplet": options.dmf.triplet, "contrast": options.dmf.contrast}
    return LossWeights(_with_others(own, options), options.loss.tau)


def _with_others(own: Mapping[str, float], options: AIOConfig) -> Mapping[str, float]:
    twice = [name for name in options.loss.others if name in own]
    if twice:
        raise ConfigError(f"aio.loss.others names {twice[0]!r}, whose weight has a key of its own; set that one.")
    return {**own, **options.loss.others}


def total_loss(
    outputs: Mapping[str, Tensor], weights: LossWeights, smoothing: float = 0.0
) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum over a model's training outputs, and every term's own value and the state of the heads.

    With several ranks all are those of the global batch on each of them. The state of the heads is

    - ``acc``, the percentage of features whose own class scores highest among the classes they were compared
      with: all, or with ``aio.classifier`` a sample, or those of the own dataset. It is higher the fewer they are.
    - ``acc_va``, the percentage of masked words that the decoder names.
    - ``cos_rgb`` and ``margin`` of AIO models, see :func:`.binding.binding_state`.

    Args:
        smoothing: label smoothing of the identity loss, 0 in both papers.
    """
    inputs = LossInputs(outputs, weights.tau, smoothing, weights.modalities)
    terms: list[Tensor] = []
    values: dict[str, Tensor] = {}
    for name, weight in weights.weights.items():
        value = LOSSES[name](inputs) if weight else None
        if value is not None:
            terms.append(weight * value)
            log = LOG_NAMES.get(name, f"loss_{name}")
            values[log if log not in values else f"loss_{name}"] = value
    if not terms:  # the only term asked for has nothing to work on in this batch
        terms, values["loss_none"] = [0.0 * outputs["features"].sum()], outputs["features"].sum()
    total = torch.stack(terms).sum()
    values = {"loss": total, **values, **_state_of_heads(inputs, weights)}
    return total, dict(
        zip(values, torch.stack([each.detach().float() for each in values.values()]).tolist(), strict=True)
    )


def _state_of_heads(inputs: LossInputs, weights: LossWeights) -> dict[str, Tensor]:
    """See :func:`total_loss`; collective."""
    outputs, labels, state = inputs.outputs, inputs.outputs["labels"], {}
    if weights.weights.get("ce") and anywhere(len(labels) > 0, labels):
        state["acc"] = _accuracy(outputs["hit"] if "hit" in outputs else outputs["logits"].argmax(1) == labels)
    if weights.weights.get("va") and anywhere("attribute_logits" in outputs, labels):
        words = outputs.get("attribute_labels", labels[:0])
        state["acc_va"] = _accuracy(outputs["attribute_logits"].argmax(1) == words if len(words) else words)
    if "z" in outputs:
        state["cos_rgb"], state["margin"] = binding_state(inputs.z, inputs.present, inputs.pid)
    return state


def _accuracy(hits: Tensor) -> Tensor:
    """Percentage of ``hits`` of all ranks; collective."""
    return 100 * mean_of_all(hits.float().sum() / max(len(hits), 1), len(hits))


def identity_loss(inputs: LossInputs) -> Tensor:
    """``ce``: cross-entropy of every feature (AIO Eq. 4)."""
    outputs = inputs.outputs
    if "log_p" in outputs:
        rows = len(outputs["log_p"])
        value = partial_cross_entropy(outputs["log_p"], outputs["log_p_mean"], inputs.smoothing)
    else:
        rows, value = len(outputs["logits"]), cross_entropy(outputs["logits"], outputs["labels"], inputs.smoothing)
    return mean_of_all(value, rows)


def binding_loss(inputs: LossInputs) -> Tensor:
    """``fb``: :func:`feature_binding` (AIO Eq. 6)."""
    return feature_binding(inputs.z, inputs.present, inputs.pid, inputs.tau)


def info_nce_loss(inputs: LossInputs) -> Tensor:
    """``infonce``: :func:`info_nce`."""
    return info_nce(inputs.z, inputs.present, inputs.pid, inputs.tau)


def attribute_loss(inputs: LossInputs) -> Tensor | None:
    """``va``: cross-entropy of the attribute class of every masked word (AIO Eq. 5), averaged over those of all ranks.

    Eq. 5 has a factor 1 / (N_A M). The factor 1 / N_A is omitted: with it the term would shrink as
    the lexicon grows, and alpha = 0.3 would have hardly any weight.
    """
    outputs = inputs.outputs
    if not anywhere("attribute_logits" in outputs, outputs["labels"]):
        return None
    if "attribute_logits" not in outputs:  # other ranks have masked words
        return mean_of_all(outputs["features"].sum() * 0.0, 0)
    labels = outputs["attribute_labels"]
    return mean_of_all(cross_entropy(outputs["attribute_logits"], labels), len(labels))


def weighted_triplet_loss(inputs: LossInputs) -> Tensor:
    """``triplet``: :func:`weighted_regularised_triplet`."""
    return weighted_regularised_triplet(inputs.features, inputs.labels)


def soft_triplet_loss(inputs: LossInputs) -> Tensor:
    """``soft_triplet``: :func:`soft_margin_triplet`."""
    return soft_margin_triplet(inputs.features, inputs.labels)


def contrast_loss(inputs: LossInputs) -> Tensor | None:
    """``contrast``: :func:`identity_contrast` of image only and text only; of DMF models."""
    outputs = inputs.outputs
    if not anywhere("both" in outputs, outputs["labels"]):
        return None
    if "both" in outputs:
        pairs = outputs["image_only"], outputs["text_only"], outputs["both"], outputs["pid"]
    else:  # other ranks have text
        features, labels = outputs["features"][:0], outputs["labels"][:0]
        pairs = features, features, labels.bool(), labels
    image, text, both, pid = gather_rows(*pairs)
    return identity_contrast(image, text, both, pid, inputs.tau)
