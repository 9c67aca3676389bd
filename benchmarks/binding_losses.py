"""Forms of Eq. 6 and of InfoNCE that the package does not have: losses of :mod:`benchmarks.binding` alone.

A plug-in: AIO_PLUGINS names it, ``aio.loss.others`` weighs its losses.
"""

from __future__ import annotations

from itertools import count

import torch
import torch.nn.functional as F
from torch import Tensor

import aio_plugin
from aio_plugin.losses.binding import feature_binding, info_nce
from aio_plugin.losses.criterion import LossInputs
from aio_plugin.losses.precision import full_precision, lowest, mean_where

FIRST_STEPS = 150
"""Steps with InfoNCE of the losses that change to Eq. 6 then."""

STEPS = count(1)


@full_precision
def pull_and_push(
    z: Tensor, present: Tensor, pids: Tensor, tau: float, negatives: str, positive: bool = False, detach: bool = False
) -> Tensor:
    """The means over both directions, and the other modalities, of -log(exp(s_ii) / sum_j exp(s_ij)) with choices.

    Args:
        z, present, pids, tau: as of :func:`.feature_binding`.
        negatives: of an anchor, those of other persons: "own" = features of the anchor's modality (with RGB anchors
            alone that is Eq. 6), "other" = of the modality that it is compared with, "both".
        positive: the positive is in the denominator.
        detach: negatives have no gradient.
    """
    present = present.bool()
    z = F.normalize(z.masked_fill(~present[..., None], 0), dim=-1)
    terms = []
    for column in (present[:, :1] & present)[:, 1:].any(0).nonzero().flatten() + 1:
        rows = present[:, 0] & present[:, column]
        others = (pids[:, None] != pids[None]) & rows[None]
        anchors = [(z[:, 0], z[:, column]), (z[:, column], z[:, 0])]
        for anchor, partner in anchors[: 1 if negatives == "own" else 2]:
            score = (anchor * partner).sum(1) / tau
            rivals = {"own": [anchor], "other": [partner], "both": [anchor, partner]}[negatives]
            repel = [anchor @ (rival.detach() if detach else rival).T / tau for rival in rivals]
            repel = [each.masked_fill(~others, lowest(each)) for each in repel]
            denominator = torch.cat([*repel, *([score[:, None]] if positive else [])], 1)
            terms.append(mean_where(denominator.logsumexp(1) - score, rows & others.any(1)))
    return torch.stack(terms).mean()


def standardised(z: Tensor, present: Tensor) -> Tensor:
    """(B, M, D) with mean 0 and variance 1 over the rows of every modality, as its bottleneck makes them at first."""
    out = torch.zeros_like(z, dtype=torch.float32)
    for column, here in enumerate(present.bool().T):
        if here.sum() > 1:
            out[here, column] = F.batch_norm(z[here, column].float(), None, None, training=True)
    return out


@aio_plugin.register_loss("fb_detached")
def detached(inputs: LossInputs) -> Tensor:
    """Eq. 6 whose negatives have no gradient: only anchors move away."""
    return pull_and_push(inputs.z, inputs.present, inputs.pid, inputs.tau, "own", detach=True)


@aio_plugin.register_loss("fb_other")
def of_the_other_modality(inputs: LossInputs) -> Tensor:
    """Eq. 6 with negatives of the modality that the anchor is compared with: InfoNCE without its positive below."""
    return pull_and_push(inputs.z, inputs.present, inputs.pid, inputs.tau, "other")


@aio_plugin.register_loss("nce_both")
def info_nce_of_both(inputs: LossInputs) -> Tensor:
    """InfoNCE with negatives of both modalities."""
    return pull_and_push(inputs.z, inputs.present, inputs.pid, inputs.tau, "both", positive=True)


@aio_plugin.register_loss("fb_standardised")
def of_standardised_features(inputs: LossInputs) -> Tensor:
    """Eq. 6 on features as the bottleneck standardises them."""
    return feature_binding(standardised(inputs.z, inputs.present), inputs.present, inputs.pid, inputs.tau)


@aio_plugin.register_loss("fb_after")
def after_info_nce(inputs: LossInputs) -> Tensor:
    """InfoNCE at first, then Eq. 6."""
    loss = info_nce if next(STEPS) <= FIRST_STEPS else feature_binding
    return loss(inputs.z, inputs.present, inputs.pid, inputs.tau)
