"""The losses written straight from their formulas, with loops over rows."""

import math

import torch


def cos(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def mean(terms):
    return sum(terms) / len(terms) if terms else 0.0


def feature_binding(z, present, pids, tau):
    """Eq. 6, anchor by anchor."""
    terms = []
    for i in range(len(z)):
        partners = [m for m in range(1, z.shape[1]) if present[i, m]]
        rivals = [j for j in range(len(z)) if pids[j] != pids[i] and present[j, 0]]
        if present[i, 0] and partners and rivals:
            numerator = math.exp(mean([cos(z[i, 0], z[i, m]) / tau for m in partners]))
            denominator = sum(math.exp(cos(z[i, 0], z[j, 0]) / tau) for j in rivals)
            terms.append(-math.log(numerator / denominator))
    return mean(terms)


def info_nce(z, present, pids, tau):
    """Softmax over candidates, modality by modality, direction by direction, item by item."""
    modalities = []
    for m in range(1, z.shape[1]):
        pairs = [i for i in range(len(z)) if present[i, 0] and present[i, m]]
        directions = []
        for first, second in ((0, m), (m, 0)):
            terms = []
            for i in pairs:
                rivals = [j for j in pairs if j == i or pids[j] != pids[i]]
                scores = {j: math.exp(cos(z[i, first], z[j, second]) / tau) for j in rivals}
                terms.append(-math.log(scores[i] / sum(scores.values())))
            directions.append(mean(terms))
        if pairs:
            modalities.append(mean(directions))
    return mean(modalities)


def binding_state(z, present, pids):
    """Mean cosine of RGB features of different persons; own minus others' other modalities."""
    rgb, own, others = [], [], []
    for i in range(len(z)):
        for j in range(len(z)):
            for m in range(z.shape[1]):
                if present[i, 0] and present[j, m] and (pids[i] != pids[j] or (i == j and m)):
                    (rgb if not m else own if i == j else others).append(cos(z[i, 0], z[j, m]))
    return [mean(rgb), mean(own) - mean(others)]


def identity_contrast(z, present, pids, tau):
    """Of the first two columns, in both directions: the log-softmax of every item of the same person."""
    items, terms = [i for i in range(len(z)) if present[i, 0] and present[i, 1]], []
    for first, second in ((0, 1), (1, 0)):
        for i in items:
            scores = {j: cos(z[i, first], z[j, second]) / tau for j in items}
            bottom = math.log(sum(map(math.exp, scores.values())))
            terms.append(-mean([scores[j] - bottom for j in items if pids[j] == pids[i]]))
    return mean(terms)


def triplet(features, labels, furthest, closest):
    """Anchor by anchor; ``furthest`` and ``closest`` say how far its positives and its negatives are."""
    terms = []
    for i, label in enumerate(labels):
        distance = [float((features[i] - other).norm()) for other in features]
        positive = [d for j, d in enumerate(distance) if j != i and labels[j] == label]
        negative = [d for j, d in enumerate(distance) if labels[j] != label]
        if positive and negative:
            terms.append(math.log(1 + math.exp(furthest(positive) - closest(negative))))
    return mean(terms)


def soft_margin_triplet(features, labels):
    return triplet(features, labels, max, min)


def weighted_regularised_triplet(features, labels):
    def softmax_mean(distances, sign):
        weights = [math.exp(sign * d) for d in distances]
        return sum(w * d for w, d in zip(weights, distances, strict=True)) / sum(weights)

    return triplet(features, labels, lambda d: softmax_mean(d, 1), lambda d: softmax_mean(d, -1))


def cross_entropy(logits, labels, smoothing=0.0):
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        norm = math.log(sum(math.exp(x) for x in row))
        for c, x in enumerate(row):
            total -= ((1 - smoothing) * (c == label) + smoothing / len(row)) * (x - norm)
    return total / len(labels)


def partial_fc(features, weight, labels, columns, smoothing=0.0):
    """Loss, and gradients of features and weight, written from the softmax over ``columns``."""
    n, dim = features.shape
    loss, of_features, of_weight = 0.0, torch.zeros_like(features), torch.zeros_like(weight)
    for i in range(n):
        scores = {c: sum(float(features[i, d] * weight[c, d]) for d in range(dim)) for c in columns}
        total = sum(math.exp(score) for score in scores.values())
        for c in columns:
            p = math.exp(scores[c]) / total
            target = (1 - smoothing) * (c == int(labels[i])) + smoothing / len(columns)
            loss -= target * math.log(p) / n
            of_weight[c] += (p - target) * features[i] / n
            of_features[i] += (p - target) * weight[c] / n
    return loss, of_features, of_weight
