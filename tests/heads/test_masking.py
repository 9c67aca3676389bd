"""Whole-word masking of attribute words."""

import math
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin import config
from aio_plugin.errors import ConfigError
from aio_plugin.heads.lexicon import Lexicon
from aio_plugin.heads.masking import mask_attributes
from aio_plugin.tokenizers.bpe import END, MASK_ID, START, encode, words

LEXICON = Lexicon(("red", "crossbody", "hat"))
CAPTION = [("a", [5]), ("red", [6]), ("crossbody", [7, 8]), ("bag", [9]), (".", [10])]

some_word = st.sampled_from(["a", "red", "crossbody", "hat", "bag"])
pieces = st.lists(st.integers(1, 999), min_size=1, max_size=3)
captions = st.lists(st.tuples(some_word, pieces), max_size=12)


def test_all_words_masked():
    ids, masked, labels = mask_attributes(CAPTION, LEXICON, random.Random(0), fraction=1.0, length=10)
    assert ids.tolist() == [START, 5, 6, 7, 8, 9, 10, END, 0, 0]
    assert masked.tolist() == [START, 5, MASK_ID, MASK_ID, MASK_ID, 9, 10, END, 0, 0]
    assert labels.tolist() == [-1, -1, 0, 1, -1, -1, -1, -1, -1, -1]
    assert ids.dtype == masked.dtype == labels.dtype == torch.long


@settings(max_examples=150, deadline=None)
@given(captions, st.sampled_from([0.01, 0.3, 0.5, 1.0]), st.integers(1, 4), st.integers(2, 20), st.integers(0, 99))
def test_masks_whole_words_and_nothing_else(caption, fraction, most, length, seed):
    ids, masked, labels = mask_attributes(caption, LEXICON, random.Random(seed), fraction, most, length)
    place, whole, drawn = 1, 0, 0
    for word, tokens in caption:
        span = slice(place, place + len(tokens))
        place += len(tokens)
        fits = place <= length - 1
        whole += fits and word in LEXICON.index
        if fits and labels[span.start] >= 0:
            drawn += 1
            assert word == LEXICON.words[labels[span.start]]
            assert (masked[span] == MASK_ID).all()
            assert (labels[span][1:] == -1).all()
        else:
            assert torch.equal(masked[span], ids[span])
            assert (labels[span] == -1).all()
    assert drawn == (labels >= 0).sum() == min(most, math.ceil(fraction * whole))
    assert drawn >= min(1, whole)
    expected = [START, *[token for _, tokens in caption for token in tokens][: length - 2], END]
    assert ids.tolist() == expected + [0] * (length - len(expected))


def test_caption_without_attribute_words_stays():
    for caption in ([("a", [5]), ("bag", [6])], []):
        ids, masked, labels = mask_attributes(caption, LEXICON, random.Random(0))
        assert torch.equal(ids, masked)
        assert (labels == -1).all()
        assert ids.shape == (77,)


def test_words_cut_off_are_not_drawn():
    for length, expected in ((7, {0, 1}), (6, {0, 1}), (5, {0}), (3, set())):  # crossbody ends at place 4
        _, masked, labels = mask_attributes(CAPTION, LEXICON, random.Random(0), fraction=1.0, length=length)
        assert set(labels[labels >= 0].tolist()) == expected
        assert masked[-1] in (END, 0)


def test_draw_follows_the_generator():
    caption = [("red", [i]) for i in range(1, 9)]
    draws = {tuple(mask_attributes(caption, LEXICON, random.Random(s), length=10)[2].tolist()) for s in range(20)}
    again = {tuple(mask_attributes(caption, LEXICON, random.Random(s), length=10)[2].tolist()) for s in range(20)}
    assert draws == again
    assert len(draws) > 10
    assert all(sum(label >= 0 for label in draw) == 4 for draw in draws)


def test_real_captions_keep_the_tokens_of_encode():
    long = "A young woman with a ponytail wears a RED t-shirt, blue jeans and a crossbody bag. " * 5
    for caption in ("A man.", "a man in a striped shirt &amp; a hat!!", long):
        ids, masked, labels = mask_attributes(words(caption), Lexicon.load(), random.Random(1), 1.0, 99)
        assert torch.equal(ids, encode([caption])[0])
        assert ((masked == MASK_ID) | (masked == ids)).all()
        assert (labels >= 0).any()
        assert (masked[labels >= 0] == MASK_ID).all()


@pytest.mark.parametrize(("option", "value"), [("fraction", 0.0), ("fraction", 1.5), ("fraction", -1.0), ("most", 0)])
def test_bad_options(option, value):
    with pytest.raises(ConfigError, match=f"aio.attributes.{option} is {value}"):
        config.parse_config({"attributes": {option: value}})
