"""Classification losses: identities (AIO Eq. 4) and masked attribute words (AIO Eq. 5).

[1] He et al.: All in One Framework for Multimodal Re-identification in the Wild. CVPR 2024.
    https://arxiv.org/abs/2405.04741
[2] Szegedy et al.: Rethinking the Inception Architecture for Computer Vision. CVPR 2016.
    https://arxiv.org/abs/1512.00567
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .precision import full_precision


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

    Example:
        >>> import torch
        >>> cross_entropy(torch.zeros(1, 4), torch.tensor([2]))  # log 4
        tensor(1.3863)
    """
    total = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    return total / max(len(logits), 1)


def masked_attribute_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the attribute class of every masked word [1, Eq. 5], averaged over the masked words.

    Eq. 5 has a factor 1 / (N_A M). The factor 1 / N_A is omitted: with it the term would shrink as
    the lexicon grows, and alpha = 0.3 would have hardly any weight.

    Args:
        logits: of the attribute decoder, one row a masked word.
        labels: the attribute class of each.

    Returns:
        Scalar; 0 with a graph when no word is masked.

    Shape:
        logits (K, N_A), labels (K,) int64.

    Example:
        >>> import torch
        >>> masked_attribute_loss(torch.zeros(2, 8), torch.tensor([0, 5]))  # log 8
        tensor(2.0794)
    """
    return cross_entropy(logits, labels)
