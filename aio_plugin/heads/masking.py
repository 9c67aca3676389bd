"""Whole-word masking of attribute words in captions (AIO Sec. 3.4, after APTM).

[1] Yang et al.: Towards Unified Text-based Person Retrieval (APTM). ACM MM 2023.
    https://arxiv.org/abs/2306.02898
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from ..tokenizers.bpe import MASK_ID, join
from .lexicon import Lexicon

UNMASKED = -1
"""Label of a token at which nothing is predicted."""


def mask_attributes(
    words: Sequence[tuple[str, list[int]]],
    lexicon: Lexicon,
    rng: random.Random,
    fraction: float = 0.5,
    most: int = 10,
    length: int = 77,
) -> tuple[Tensor, Tensor, Tensor]:
    """A caption's ids, the same with attribute words masked, and the labels of the masked words.

    A share ``fraction`` of the caption's attribute words is drawn, rounded up, at most ``most`` [1].
    Every token of a drawn word becomes MASK_ID. Only its first token is labelled: one prediction a
    word, however many tokens it has. A word that truncation to ``length`` removes or splits is not
    drawn, and a caption without attribute words is not changed.

    Args:
        words: each word and its ids, as :func:`aio_plugin.tokenizers.bpe.words` gives them.
        lexicon: the words that may be masked.
        rng: the generator to draw with.
        fraction: share of the attribute words to mask, above 0 and at most 1.
        most: most words to mask, 1 or more.
        length: number of tokens, start and end token included.

    Returns:
        ids, masked ids and labels, (``length``,) int64 each; labels are -1 where nothing is predicted.
    """
    # 1 for the start token, which join() puts in front
    starts = list(accumulate((len(ids) for _, ids in words), initial=1))
    ids = join([[token for _, piece in words for token in piece]], length)[0]
    masked, labels = ids.clone(), torch.full_like(ids, UNMASKED)
    last = length - 1  # of the end token
    places = [at for at, (word, _) in enumerate(words) if word.lower() in lexicon.index and starts[at + 1] <= last]
    for at in rng.sample(places, min(math.ceil(fraction * len(places)), most)):
        masked[starts[at] : starts[at + 1]] = MASK_ID
        labels[starts[at]] = lexicon.index[words[at][0].lower()]
    return ids, masked, labels
