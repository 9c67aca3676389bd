import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin.errors import ModalityError
from aio_plugin.tokenizers import bpe

open_clip_tokenizer = pytest.importorskip("open_clip.tokenizer")

CAPTIONS = [
    "A woman in a red jacket, black trousers & white shoes carries a backpack.",
    "",
    "   ",
    "Don't  STOP\tit's\n2 o'clock !!! &amp; caf\u00e9 \u4eba \U0001f600",
    "a tall man " * 60,
    "!",
    "<start_of_text> x <end_of_text> y",
]


@pytest.mark.parametrize("length", [2, 3, 20, 77])
def test_equals_open_clip(length):
    expected = open_clip_tokenizer.SimpleTokenizer(context_length=length)(CAPTIONS)
    assert torch.equal(bpe.encode(CAPTIONS, length), expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=4), st.integers(2, 40))
def test_equals_open_clip_on_any_text(captions, length):
    assert torch.equal(bpe.encode(captions, length), open_clip_tokenizer.tokenize(captions, length))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_words_make_up_the_caption(caption):
    ids = [i for _, pieces in bpe.words(caption) for i in pieces]
    assert ids == open_clip_tokenizer._tokenizer.encode(caption)
    assert bpe.join([ids], 77).tolist() == bpe.encode([caption], 77).tolist()


def test_words_are_whole_and_lower_case():
    found = bpe.words("A Backpacker's POLKA-dotted shirt")
    assert [word for word, _ in found] == ["a", "backpacker", "'s", "polka", "-", "dotted", "shirt"]
    assert all(pieces for _, pieces in found)


def test_words_gives_lists_of_its_own():
    bpe.words("shirt")[0][1].append(1)
    assert bpe.words("shirt")[0][1] == bpe.encode(["shirt"])[0, 1:2].tolist()


def test_lengths_count_exclamation_marks():
    ids = bpe.encode(["a !~ b", "!", "", "man " * 100], 12)
    assert ids[0].tolist() == [49406, 320, 0, 349, 321, 49407, 0, 0, 0, 0, 0, 0]  # "!" has the id of the padding
    assert bpe.lengths(ids).tolist() == [6, 3, 2, 12]


def test_one_tokenizer():
    assert bpe._tokenizer() is bpe._tokenizer() is open_clip_tokenizer._tokenizer


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bpe.encode("a man"), "list"),
        (lambda: bpe.encode(["a man"], 1), "room"),
        (lambda: bpe.lengths(torch.zeros(1, 5, dtype=torch.long)), "end token"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ModalityError, match=message):
        call()
