"""The soft-margin batch-hard triplet loss, DMF's loss on the global feature f (DMF, figure of the method).

[1] Hermans et al.: In Defense of the Triplet Loss for Person Re-Identification. 2017.
    https://arxiv.org/abs/1703.07737
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .precision import full_precision, lowest, mean_where


@full_precision
def soft_margin_triplet(features: Tensor, labels: Tensor) -> Tensor:
    r"""Batch-hard triplet with a soft margin [1, Sec. 2]:

    .. math::
        \log\Big(1 + \exp\big(\max_{p \in P_i} d_{ip} - \min_{n \in N_i} d_{in}\big)\Big)

    d is the Euclidean distance. The anchor is not among its own positives. Anchors without a positive or
    without a negative are skipped.

    Args:
        features: before the bottleneck, not normalised.
        labels: identity of each.

    Returns:
        Scalar, the mean over the anchors that count; 0 with a graph if there is none.

    Shape:
        features (N, D), labels (N,).
    """  # noqa: D400
    distance = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")  # (N, N)
    same = labels[:, None] == labels[None]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    counts = positive.any(1) & ~same.all(1)
    if not bool(counts.any()):
        return features.sum() * 0
    furthest = distance.masked_fill(~positive, lowest(distance)).amax(1)
    closest = distance.masked_fill(same, -lowest(distance)).amin(1)
    margin = (furthest - closest).where(counts, 0)  # a skipped anchor's overflow would come back as NaN
    return mean_where(F.softplus(margin), counts)


class SoftMarginTriplet(nn.Module):
    """:func:`soft_margin_triplet` as a module."""

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """See :func:`soft_margin_triplet`."""
        return soft_margin_triplet(features, labels)
