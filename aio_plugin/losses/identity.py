"""Losses on identities: cross-entropy (AIO Eq. 4), and AGW's triplet for ablation.

[1] He et al.: All in One Framework for Multimodal Re-identification in the Wild. CVPR 2024.
    https://arxiv.org/abs/2405.04741
[2] Szegedy et al.: Rethinking the Inception Architecture for Computer Vision. CVPR 2016.
    https://arxiv.org/abs/1512.00567
[3] Ye et al.: Deep Learning for Person Re-identification: A Survey and Outlook. TPAMI 2021.
    https://arxiv.org/abs/2001.04193
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import full_precision, lowest, mean_where


@full_precision
def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy; with smoothing the target is (1 - s) * onehot + s / C [2], as torchreid's.

    Args:
        logits: one row a feature.
        labels: class of each row.
        smoothing: s, in [0, 1].

    Returns:
        Scalar; 0 with a graph when there are no rows.

    Shape:
        logits (N, C), labels (N,) int64.
    """
    total = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    return total / max(len(logits), 1)


@full_precision
def weighted_regularised_triplet(features: Tensor, labels: Tensor) -> Tensor:
    r"""Weighted-regularisation triplet of AGW [3, Sec. 4]: no margin, no mining. AIO itself has no triplet.

    .. math::
        \log\Big(1 + \exp\big(\sum_{p \in P_i} w_{ip} d_{ip} - \sum_{n \in N_i} w_{in} d_{in}\big)\Big), \quad
        w_{ip} = \frac{\exp(d_{ip})}{\sum_{P_i} \exp(d)}, \;
        w_{in} = \frac{\exp(-d_{in})}{\sum_{N_i} \exp(-d)}

    d is the Euclidean distance; gradients flow through the weights too. The anchor is not among its
    own positives, as it is in the released code, where its weight exp(0) hardly counts. Anchors
    without a positive or without a negative are skipped.

    Args:
        features: before the bottleneck, not normalised.
        labels: identity of each.

    Returns:
        Scalar, the mean over the anchors that count; 0 with a graph if there is none.

    Shape:
        features (N, D), labels (N,).
    """
    distance = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")  # (N, N)
    same = labels[:, None] == labels[None]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    furthest = _softmax_mean(distance, distance, positive)
    closest = _softmax_mean(distance, -distance, ~same)
    return mean_where(F.softplus(furthest - closest), positive.any(1) & ~same.all(1))


def _softmax_mean(values: Tensor, scores: Tensor, among: Tensor) -> Tensor:
    """Mean of ``values`` (N, N) along each row, weighted by the softmax of ``scores`` ``among`` the entries."""
    weights = scores.masked_fill(~among, lowest(scores)).softmax(dim=1)
    return (weights * values).sum(1)
