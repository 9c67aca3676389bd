"""Vision-guided masked attribute modelling: its loss (AIO Sec. 3.4, Eq. 5).

He et al.: All in One Framework for Multimodal Re-identification in the Wild. CVPR 2024.
https://arxiv.org/abs/2405.04741
"""

from __future__ import annotations

from torch import Tensor

from .identity import cross_entropy


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
