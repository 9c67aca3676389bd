"""Identity-supervised contrast between two views of people, off by default in DMF.

[1] Khosla et al.: Supervised Contrastive Learning. NeurIPS 2020. https://arxiv.org/abs/2004.11362
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import full_precision, lowest, mean_where


@full_precision
def identity_contrast(first: Tensor, second: Tensor, present: Tensor, pids: Tensor, tau: float = 0.05) -> Tensor:
    r"""Supervised contrast [1, Eq. 2] of ``first`` against ``second`` and of ``second`` against ``first``.

    For every item i, with P_i the items of the same person, i itself among them, s the cosine:

    .. math::
        -\frac{1}{|P_i|} \sum_{p \in P_i} \log \frac{\exp(s(a_i, b_p) / \tau)}{\sum_j \exp(s(a_i, b_j) / \tau)}

    The mean over items and over both directions.

    Args:
        first, second: two features of every item, such as those of image and text alone.
        present: which items have both; the others are not read.
        pids: person of each item.
        tau: temperature.

    Returns:
        Scalar >= 0; 0 with a graph if no item has both.

    Shape:
        first and second (B, D), present (B,) bool, pids (B,).
    """
    a, b = (F.normalize(z.masked_fill(~present[:, None], 0), dim=1) for z in (first, second))
    scores = (a @ b.T / tau).masked_fill(~(present[:, None] & present[None]), lowest(a))  # (B, B)
    same = (pids[:, None] == pids[None]) & present[:, None] & present[None]
    number = same.sum(1).clamp(min=1)
    terms = [
        -(side.log_softmax(dim=1).where(same, 0).sum(1) / number)  # `same` is symmetric
        for side in (scores, scores.T)
    ]
    return mean_where(torch.stack(terms).mean(0), present)
