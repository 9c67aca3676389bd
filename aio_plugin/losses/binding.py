"""Losses that draw features of one person together: feature binding (AIO Eq. 6), InfoNCE, identity contrast.

[1] He et al.: All in One Framework for Multimodal Re-identification in the Wild. CVPR 2024.
    https://arxiv.org/abs/2405.04741
[2] van den Oord et al.: Representation Learning with Contrastive Predictive Coding. 2018.
    https://arxiv.org/abs/1807.03748
[3] Khosla et al.: Supervised Contrastive Learning. NeurIPS 2020. https://arxiv.org/abs/2004.11362
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import full_precision, lowest, mean_where


@full_precision
def feature_binding(z: Tensor, present: Tensor, pids: Tensor, tau: float = 0.05) -> Tensor:
    r"""Multimodal feature binding (AIO Sec. 3.4, Eq. 6).

    For every anchor i that has RGB and at least one other modality:

    .. math::
        -\Big[\tfrac{1}{|mod|}\sum_{mod \ne R} \cos(z_i^R, z_i^{mod}) / \tau
              - \log \sum_{j: pid_j \ne pid_i} \exp(\cos(z_i^R, z_j^R) / \tau)\Big]

    Unlike InfoNCE, the positive is not in the denominator, and only RGB features of different
    persons repel each other. Choices that the paper does not specify: the mean over anchors, not
    the sum, so that it does not depend on the batch size; other images of the same person are not
    in the denominator; an anchor without another person to compare with is skipped.

    Args:
        z: features of single modalities; column 0 is RGB. Rows of missing modalities are not read.
        present: which modalities an item has.
        pids: person of each item.
        tau: temperature.

    Returns:
        Scalar, which can be negative; 0 with a graph if there is no valid anchor.

    Shape:
        z (B, M, D), present (B, M) bool, pids (B,).

    Example:
        >>> z = torch.eye(2)[:, None].expand(2, 2, 2)  # two persons, RGB and infrared alike, orthogonal to each other
        >>> present, pids = torch.ones(2, 2, dtype=torch.bool), torch.tensor([0, 1])
        >>> feature_binding(z, present, pids, tau=0.5)  # -(1 / 0.5 - 0)
        tensor(-2.)
    """
    present = present.bool()
    z = _unit(z, present)
    rgb, others = present[:, 0], present[:, 1:]
    number = others.sum(1)

    cosine = torch.einsum("bd,bmd->bm", z[:, 0], z[:, 1:])  # (B, M - 1), 0 where missing
    attract = cosine.sum(1) / number.clamp(min=1) / tau

    repels = (pids[:, None] != pids[None]) & rgb[None]  # (B, B)
    scores = (z[:, 0] @ z[:, 0].T / tau).masked_fill(~repels, lowest(z))
    valid = rgb & (number > 0) & repels.any(1)
    return mean_where(torch.logsumexp(scores, dim=1) - attract, valid)


@full_precision
def info_nce(z: Tensor, present: Tensor, pids: Tensor, tau: float = 0.05) -> Tensor:
    """Symmetric InfoNCE between RGB and every other modality, for ablation of Eq. 6.

    Candidates are the items that have both modalities. The positive of an item is its own
    other modality; those of the same person's other items are neither positive nor negative.
    The mean over items, then over the two directions, then over the modalities that occur.

    Arguments are those of :func:`feature_binding`.

    Returns:
        Scalar >= 0; 0 with a graph if no item has RGB and another modality.

    Example:
        >>> z = torch.eye(2)[:, None].expand(2, 2, 2)
        >>> present, pids = torch.ones(2, 2, dtype=torch.bool), torch.tensor([0, 1])
        >>> info_nce(z, present, pids, tau=0.5)  # log(1 + exp(-1 / 0.5))
        tensor(0.1269)
    """
    present = present.bool()
    z = _unit(z, present)
    pairs = (present[:, :1] & present[:, 1:]).T  # (M - 1, B)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    candidates = pairs[:, :, None] & pairs[:, None] & ((pids[:, None] != pids[None]) | itself)

    scores = torch.einsum("id,jmd->mij", z[:, 0], z[:, 1:]) / tau  # (M - 1, B, B)
    positive = scores.diagonal(dim1=1, dim2=2)  # (M - 1, B)
    scores = scores.masked_fill(~candidates, lowest(z))
    both = (torch.logsumexp(scores, dim=2) + torch.logsumexp(scores, dim=1)) / 2 - positive

    number = pairs.sum(1)
    per_modality = both.where(pairs, 0).sum(1) / number.clamp(min=1)
    return mean_where(per_modality, number > 0)


@full_precision
def identity_contrast(first: Tensor, second: Tensor, present: Tensor, pids: Tensor, tau: float = 0.05) -> Tensor:
    r"""Supervised contrast [3, Eq. 2] of ``first`` against ``second`` and of ``second`` against ``first``.

    For every item i, with P_i the items of the same person, i itself among them, s the cosine:

    .. math::
        -\frac{1}{|P_i|} \sum_{p \in P_i} \log \frac{\exp(s(a_i, b_p) / \tau)}{\sum_j \exp(s(a_i, b_j) / \tau)}

    The mean over items and over both directions.

    Args:
        first, second: two features of every item, such as those of image only and text only.
        present: which items have both; the others are not read.
        pids: person of each item.
        tau: temperature.

    Returns:
        Scalar >= 0; 0 with a graph if no item has both.

    Shape:
        first and second (B, D), present (B,) bool, pids (B,).

    Example:
        >>> features, both = torch.eye(2), torch.tensor([True, True])
        >>> identity_contrast(features, features, both, torch.tensor([0, 1]), tau=0.5)  # log(1 + exp(-1 / 0.5))
        tensor(0.1269)
    """
    a, b = (F.normalize(z.masked_fill(~present[:, None], 0), dim=1) for z in (first, second))
    scores = (a @ b.T / tau).masked_fill(~(present[:, None] & present[None]), lowest(a))  # (B, B)
    same = (pids[:, None] == pids[None]) & present[:, None] & present[None]
    number = same.sum(1).clamp(min=1)
    # `same` is symmetric
    terms = [-(side.log_softmax(dim=1).where(same, 0).sum(1) / number) for side in (scores, scores.T)]
    return mean_where(torch.stack(terms).mean(0), present)


@torch.no_grad()
@full_precision
def binding_state(z: Tensor, present: Tensor, pids: Tensor) -> Tensor:
    """How well features are bound, for the log: two means of cosines.

    The first is that of RGB features of different persons, which is near 1 when features collapse. The second is by
    how much a person's other modalities are nearer to its RGB feature than to those of other persons; it rises from
    0 as modalities are bound.

    Arguments are those of :func:`feature_binding`; returns (2,), 0 where there is nothing to compare.

    Example:
        >>> z = torch.eye(2)[:, None].expand(2, 2, 2)
        >>> binding_state(z, torch.ones(2, 2, dtype=torch.bool), torch.tensor([0, 1]))
        tensor([0., 1.])
    """
    present = present.bool()
    z = _unit(z, present)
    cosine = torch.einsum("id,jmd->ijm", z[:, 0], z)  # (B, B, M): RGB of i, modality m of j
    pairs = present[:, :1, None] & present[None]
    other = (pids[:, None] != pids[None])[..., None]
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)[..., None]
    positive, negative = (mean_where(cosine[..., 1:], (pairs & which)[..., 1:]) for which in (itself, other))
    return torch.stack([mean_where(cosine[..., 0], (pairs & other)[..., 0]), positive - negative])


def _unit(z: Tensor, present: Tensor) -> Tensor:
    """Features (B, M, D) of unit length; those of missing modalities are 0."""
    return F.normalize(z.masked_fill(~present[..., None], 0), dim=-1)
