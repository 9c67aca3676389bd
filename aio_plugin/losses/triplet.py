"""Triplet losses without a margin: batch-hard (DMF's, on its global feature f) and weighted (AGW's, for ablation).

[1] Hermans et al.: In Defense of the Triplet Loss for Person Re-Identification. 2017.
    https://arxiv.org/abs/1703.07737
[2] Ye et al.: Deep Learning for Person Re-identification: A Survey and Outlook. TPAMI 2021.
    https://arxiv.org/abs/2001.04193
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import full_precision, lowest, mean_where


@full_precision
def soft_margin_triplet(features: Tensor, labels: Tensor) -> Tensor:
    r"""Batch-hard triplet with a soft margin [1, Sec. 2]:

    .. math::
        \log\Big(1 + \exp\big(\max_{p \in P_i} d_{ip} - \min_{n \in N_i} d_{in}\big)\Big)

    d is the Euclidean distance. The anchor is not one of its own positives. Anchors without a positive or
    without a negative are skipped.

    Args:
        features: before the bottleneck, not normalised.
        labels: identity of each.

    Returns:
        Scalar, the mean over the other anchors; 0 with a graph if there are none.

    Shape:
        features (N, D), labels (N,).

    Example:
        >>> features = torch.tensor([[0.0], [3.0], [4.0]])
        >>> soft_margin_triplet(features, torch.tensor([0, 0, 1]))  # mean of log(1 + exp(3 - 4)), log(1 + exp(3 - 1))
        tensor(1.2201)
    """  # noqa: D400
    distance, same, positive, valid = _pairs(features, labels)
    if not bool(valid.any()):
        return features.sum() * 0
    furthest = distance.masked_fill(~positive, lowest(distance)).amax(1)
    closest = distance.masked_fill(same, -lowest(distance)).amin(1)
    margin = (furthest - closest).where(valid, 0)  # an overflow of a skipped anchor would give a NaN gradient
    return mean_where(F.softplus(margin), valid)


@full_precision
def weighted_regularised_triplet(features: Tensor, labels: Tensor) -> Tensor:
    r"""Weighted-regularisation triplet of AGW [2, Sec. 4]: no margin, no mining. AIO itself has no triplet.

    .. math::
        \log\Big(1 + \exp\big(\sum_{p \in P_i} w_{ip} d_{ip} - \sum_{n \in N_i} w_{in} d_{in}\big)\Big), \quad
        w_{ip} = \frac{\exp(d_{ip})}{\sum_{P_i} \exp(d)}, \;
        w_{in} = \frac{\exp(-d_{in})}{\sum_{N_i} \exp(-d)}

    d is the Euclidean distance; gradients flow through the weights too. The anchor is not one of its
    own positives; in the released code it is, with the small weight exp(0). Anchors without a
    positive or without a negative are skipped.

    Arguments and result are those of :func:`soft_margin_triplet`.

    Example:
        >>> features = torch.tensor([[0.0], [3.0], [4.0]])
        >>> weighted_regularised_triplet(features, torch.tensor([0, 0, 1]))  # one positive and one negative an anchor
        tensor(1.2201)
    """
    distance, same, positive, valid = _pairs(features, labels)
    furthest = _softmax_mean(distance, distance, positive)
    closest = _softmax_mean(distance, -distance, ~same)
    return mean_where(F.softplus(furthest - closest), valid)


def _pairs(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(N, N) distances, pairs of one identity, the same without the diagonal; (N,) anchors with both kinds of pairs."""
    distance = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
    same = labels[:, None] == labels[None]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return distance, same, positive, positive.any(1) & ~same.all(1)


def _softmax_mean(values: Tensor, scores: Tensor, among: Tensor) -> Tensor:
    """Mean of ``values`` (N, N) along each row, weighted by the softmax of ``scores`` ``among`` the entries."""
    weights = scores.masked_fill(~among, lowest(scores)).softmax(dim=1)
    return (weights * values).sum(1)
