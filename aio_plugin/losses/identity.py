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
    """
    total = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    return total / max(len(logits), 1)


def masked_attribute_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of every masked word's attribute class, averaged over the masked words.

    Eq. 5 prints 1 / (N_A M) in front of the sum. The factor 1 / N_A is left out: with it the term
    would shrink as the lexicon grows, and alpha = 0.3 would weigh next to nothing.

    Args:
        logits: of the attribute decoder, one row a masked word.
        labels: the attribute class of each.

    Returns:
        Scalar; 0 with a graph when no word is masked.

    Shape:
        logits (K, N_A), labels (K,) int64.
    """
    return cross_entropy(logits, labels)
