"""The metrics as one would write them by hand, a query at a time, in plain Python."""


def ranking(distances, removed):
    """Gallery positions in order; equal distances by position."""
    return sorted((j for j in range(len(distances)) if not removed[j]), key=lambda j: (distances[j], j))


def average_precision(bits, ap):
    total, hits, before = 0.0, 0, 1.0
    for position, bit in enumerate(bits, 1):
        hits += bit
        now = hits / position
        if bit:
            total += (before + now) / 2 if ap == "trapezoid" else now
        before = now
    return total / hits


def inverse_negative_penalty(bits):
    last = max(position for position, bit in enumerate(bits, 1) if bit)
    return sum(bits) / last


def first_hit(pid, ranked_pids, cmc):
    if cmc == "identity":
        ranked_pids = list(dict.fromkeys(ranked_pids))
    return ranked_pids.index(pid) + 1


def evaluate(distances, q_pids, g_pids, q_keys, g_keys, cmc, ap, max_rank):
    curve, aps, inps, chances = [0.0] * max_rank, [], [], []
    for i, pid in enumerate(q_pids):
        removed = [q_keys[i] == key and key >= 0 for key in g_keys]
        ranked = [g_pids[j] for j in ranking(distances[i], removed)]
        if pid not in ranked:
            continue
        bits = [int(each == pid) for each in ranked]
        aps.append(average_precision(bits, ap))
        inps.append(inverse_negative_penalty(bits))
        chances.append(sum(bits) / len(bits))
        for k in range(first_hit(pid, ranked, cmc), max_rank + 1):
            curve[k - 1] += 1
    n = len(aps)
    if not n:
        return None
    return [c / n for c in curve], sum(aps) / n, sum(inps) / n, n, sum(chances) / n
