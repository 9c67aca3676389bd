"""Cross-entropy over all classes, over a sample of them (Partial FC), and with the classes distributed over ranks.

[1] An et al.: Killing Two Birds with One Stone: Efficient and Robust Training of Face Recognition CNNs by
    Partial FC. CVPR 2022. https://arxiv.org/abs/2203.15565
[2] Szegedy et al.: Rethinking the Inception Architecture for Computer Vision. CVPR 2016.
    https://arxiv.org/abs/1512.00567
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..errors import HostError
from .precision import at_least_float32, full_precision, lowest
from .shards import Shard


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
        >>> cross_entropy(torch.zeros(1, 4), torch.tensor([2]))  # log 4
        tensor(1.3863)
    """
    total = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    return total / max(len(logits), 1)


class Compared(NamedTuple):
    """How N features compare with their classes.

    Attributes:
        log_p: (N,) log-probability of the feature's own class.
        log_p_mean: (N,) mean of the log-probabilities of all classes compared, for label smoothing.
        hit: (N,) bool, whether no other of these classes scores higher.
    """

    log_p: Tensor
    log_p_mean: Tensor
    hit: Tensor


def compare(
    features: Tensor,
    weight: Tensor,
    labels: Tensor,
    shard: Shard,
    fraction: float = 1.0,
    starts: Tensor | None = None,
) -> Compared:
    r"""Softmax of :math:`w_c \cdot f_i` over a sample of the classes c, after Partial FC [1, Sec. 3].

    A rank samples all classes of the batch that it holds and random others, up to ``fraction`` of the
    classes it holds [1, Alg. 1]. Only these rows of ``weight`` are read and get a gradient. As in [1]
    the scores are not corrected for the sampling: with a fraction below 1 the loss is lower than that
    over all classes, so losses of different fractions cannot be compared.

    With several ranks the features of all are compared, N = sum of R, and every rank gets the same
    result. A loss computed from it is the loss of the global batch. The gradient of a rank's features is
    ``world`` times the true one, because DistributedDataParallel averages over the ranks; the gradient
    of ``weight``, which no other rank has, is the true one. No collective runs in backward, where it
    could mix with those of DistributedDataParallel.

    Args:
        features: of this rank.
        weight: the rows of this rank.
        labels: class of each feature, among the classes of all ranks.
        shard: which rows this rank holds.
        fraction: in (0, 1]; 1 is every class.
        starts: first class of every dataset, ascending; a feature is then compared with the classes of its own
            dataset only; None = with all.

    Raises:
        HostError: a label is not one of the classes.

    Shape:
        features (R, D), weight (stop - start, D), labels (R,) int64, starts (K,) int64.
    """
    counts = shard.counts(labels)
    labels = shard.gathered(labels, counts)
    if bool(((labels < 0) | (labels >= shard.rows)).any()):
        raise HostError(
            f"The batch has labels {int(labels.min())} to {int(labels.max())}, but the classifier has classes 0 to "
            f"{shard.rows - 1}; build the model with the data manager's num_train_pids."
        )
    place = ((labels >= shard.start) & (labels < shard.stop)).nonzero().flatten()
    here = labels[place] - shard.start
    if fraction < 1:
        columns = sample_classes(here, len(weight), fraction)
        weight, here = weight.index_select(0, columns), torch.searchsorted(columns, here)
    else:
        columns = torch.arange(len(weight), device=weight.device)
    allowed = None
    if starts is not None:  # (N, S): whether a label and a class belong to the same dataset
        dataset, of_class = (torch.bucketize(each, starts, right=True) for each in (labels, columns + shard.start))
        allowed = dataset[:, None] == of_class
    kind = features.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
    return Compared(*_Compare.apply(features.to(dtype), weight.to(dtype), (place, here), allowed, shard, counts))


@full_precision
def partial_cross_entropy(log_p: Tensor, log_p_mean: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy from the results of :func:`compare`; 0 with a graph when there are no rows.

    Args:
        smoothing: s, distributed evenly over the classes that a feature is compared with.

    Shape:
        log_p, log_p_mean (N,).

    Example:
        >>> features, weight = torch.ones(1, 2), torch.zeros(4, 2)
        >>> compared = compare(features, weight, torch.tensor([2]), Shard(4))
        >>> partial_cross_entropy(compared.log_p, compared.log_p_mean)  # log 4
        tensor(1.3863)
    """
    terms = (1 - smoothing) * log_p + smoothing * log_p_mean if smoothing else log_p
    return -terms.sum() / max(len(log_p), 1)


def sample_classes(labels: Tensor, classes: int, fraction: float) -> Tensor:
    """The classes in ``labels``, filled up with random others to ``fraction`` of all classes.

    They are drawn with torch's CPU generator, whatever the device.

    Shape:
        labels (R,) -> (S,) int64, ascending.
    """
    named: Tensor = labels.unique()
    wanted = min(max(round(fraction * classes), 1), classes)
    if len(named) >= wanted:
        return named
    draws = torch.rand(classes, device="cpu").to(labels.device)
    draws[named] = 2  # greater than all draws
    drawn: Tensor = draws.topk(wanted, sorted=False).indices.sort().values
    return drawn


class _Compare(torch.autograd.Function):
    """See :func:`compare`.

    With q = p - onehot(y), the gradient of log p_y is -q in the scores and -q W in the feature; that of the
    mean over the C classes is 1/C - q - onehot(y) and -q W + mean(W) - w_y.
    """

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        target: tuple[Tensor, Tensor],
        allowed: Tensor | None,
        shard: Shard,
        counts: list[int],
    ) -> tuple[Tensor, Tensor, Tensor]:
        place, column = target  # the rows of N whose class is on this rank, and its column
        features = shard.gathered(features, counts)
        scores = at_least_float32(features @ weight.T)  # (N, S)
        if allowed is None:
            sums, count = scores.sum(1), torch.full_like(scores[:, :0].sum(1), scores.shape[1])
        else:
            sums, count = scores.where(allowed, 0).sum(1), allowed.sum(1).to(scores.dtype)
            scores.masked_fill_(~allowed, lowest(scores))
        own = scores.new_zeros(len(scores)).index_put((place,), scores[place, column])
        top = scores.new_full((len(scores),), lowest(scores)) if not scores.shape[1] else scores.amax(1)
        top = shard.highest(top)
        q = scores.sub_(top[:, None]).exp_()
        total, own, sums, count = shard.summed(torch.stack([q.sum(1), own, sums, count]))
        log_total = total.log() + top
        q.div_(total[:, None])[place, column] -= 1  # in float32: in half precision a p near 1 is 1
        q = q.to(weight.dtype)
        step = at_least_float32(-(q @ weight))  # this rank's part of -q W; skew: of mean(W) - w_y; both (N, D)
        rows = at_least_float32(weight).sum(0).expand_as(step) if allowed is None else allowed.to(weight.dtype) @ weight
        skew = rows / count[:, None] - torch.zeros_like(step).index_put((place,), at_least_float32(weight[column]))
        mine = shard.own(counts)
        ctx.save_for_backward(
            features, q, place, column, allowed, count, shard.summed(step)[mine], shard.summed(skew)[mine]
        )
        ctx.mine, ctx.world = mine, shard.world
        ctx.set_materialize_grads(False)
        hit = own >= top
        ctx.mark_non_differentiable(hit)
        return own - log_total, sums / count - log_total, hit

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, log_p: Tensor | None, log_p_mean: Tensor | None, _: None
    ) -> tuple[Tensor | None, Tensor | None, None, None, None, None]:
        features, q, place, column, allowed, count, step, skew = ctx.saved_tensors
        zero = count.new_zeros(len(count))
        mean = zero if log_p_mean is None else log_p_mean
        both = mean if log_p is None else log_p + mean
        of_features, of_weight = None, None
        if ctx.needs_input_grad[0]:
            of_features = both[ctx.mine, None] * step + mean[ctx.mine, None] * skew
            of_features = (ctx.world * of_features).to(features.dtype)
        if ctx.needs_input_grad[1]:
            of_scores = -both[:, None] * q
            if log_p_mean is not None:
                even = (mean / count)[:, None]
                of_scores += even if allowed is None else even * allowed
                of_scores[place, column] -= mean[place]
            of_weight = of_scores.to(features.dtype).T @ features
        return of_features, of_weight, None, None, None, None
