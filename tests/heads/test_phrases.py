"""Attribute phrases of FineGPR-C's and of free captions, their numbering and their coverage."""

import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aio_plugin.errors import CheckpointError, DatasetError
from aio_plugin.heads.lexicon import Lexicon
from aio_plugin.heads.phrases import GROUPS, Phrases
from aio_plugin.heads.vocabulary import PhraseReader, Vocabulary, gather_vocabulary

PHRASES = Phrases(Lexicon.load())

TABLE = [
    (
        "A male pedestrian in brown coat, gray trousers and brown shoes, sunny urban background, front view.",
        ["male", "brown coat", "gray trousers", "brown shoes", "sunny", "urban", "front"],
    ),
    (
        "In the front view, on a sunny noon, an adult male with short hair wears a brown coat.",
        ["front", "sunny", "noon", "adult", "male", "short hair", "brown coat"],
    ),
    (
        "A female adult wears short upblue upper-body clothes and downwhite lower-body clothes and dark shoes, this "
        "person also wears no glasses and carries no bag.",
        ["female adult", "short blue upper-body clothes", "white lower-body clothes", "dark shoes", "no glasses",
         "no bag"],
    ),
    ("Seen from the back at foggy midnight: boots, a hat.", ["back", "foggy", "midnight", "boots", "hat"]),
    (
        "Her hair is long and brown. She is tall, and wears a black and white striped t-shirt.",
        ["long and brown hair", "tall", "black and white striped t-shirt"],
    ),
    ("The man's shoes are white sneakers; his bag is quite big.", ["man shoes", "white sneakers", "bag"]),
    ("He doesn't wear a hat or glasses, but has a black leather bag.", ["no hat", "no glasses", "black leather bag"]),
    ("A hand in his front pocket, in front of the right car.", ["pocket"]),
    ("neither hat nor bag, without a scarf", ["no hat", "no bag", "no scarf"]),
    ("not tall", []),
    ("white shoes black bag", ["white shoes", "black bag"]),
    ("red, red, RED", ["red"]),
    ("front-view of a dark-haired woman", ["front", "dark-haired woman"]),
    ("", []),
    ("person 12 !!", []),
]  # fmt: skip


@pytest.mark.parametrize(("caption", "expected"), TABLE)
def test_phrases_of_captions(caption, expected):
    assert PHRASES(caption) == expected


def test_the_order_of_a_sentence_does_not_matter_to_the_set_of_phrases():
    parts = ["a brown coat", "gray trousers", "no bag", "short hair", "a hat"]
    first = f"A male adult with {', '.join(parts)}, front view, on a sunny noon."
    second = f"Front view, on a sunny noon: {', '.join(reversed(parts))}, a male adult."
    assert set(PHRASES(first)) == set(PHRASES(second))


def test_the_lexicon_decides_what_is_an_attribute():
    small = Phrases(Lexicon(("coat", "brown", "gizmo")))
    assert small("a brown coat, gray trousers, a brown gizmo, sunny") == ["brown coat", "brown gizmo", "sunny"]


def test_modifiers_are_words_of_the_lexicon_and_the_rest_is_not():
    words = set(Lexicon.load().words)
    assert set(GROUPS["modifiers"]) <= words
    rest = [word for name, group in GROUPS.items() if name != "modifiers" for word in group]
    assert not set(rest) & words
    assert len(rest) == len(set(rest))


WORDS = ["a", "no", "brown", "coat", "is", "and", "or", "-", "'s", "front", ".", "hat", "up-", "upred"]


@given(st.text(max_size=80) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_text_gives_clean_phrases(caption):
    found = PHRASES(caption)
    assert len(set(found)) == len(found)
    assert all(phrase and phrase == " ".join(phrase.split()) and phrase == phrase.lower() for phrase in found)


def test_gathering_counts_captions_without_a_phrase():
    with pytest.warns(UserWarning, match="made up: 2 of 4 captions have no attribute phrase"):
        vocabulary, coverage = gather_vocabulary(["a red hat", "nobody", "nobody", "a blue hat"], PHRASES, "made up")
    assert vocabulary.phrases == ("blue hat", "red hat")
    assert (coverage.captions, coverage.covered, coverage.share) == (4, 2, 0.5)


@pytest.mark.parametrize(
    ("captions", "message"),
    [([], r"no training image has a caption.*aio\.modalities"), (["x", "y"], r"2 captions.*'x'.*lexicon")],
)
def test_gathering_nothing_is_an_error(captions, message):
    with pytest.raises(DatasetError, match=message):
        gather_vocabulary(captions, PHRASES, "made up")


def test_reading_captions():
    reader = pickle.loads(pickle.dumps(PhraseReader(PHRASES, Vocabulary(("blue hat", "red hat")), 1)))
    assert reader("a red hat, a blue hat").tolist() == [1]
    assert reader("a green hat").shape == (0,)
    assert reader("a green hat").dtype is torch.long


def test_a_vocabulary_survives_a_checkpoint():
    vocabulary = Vocabulary(("blue hat", 'a "hat", ünusual'))
    assert Vocabulary.unpack(vocabulary.pack()) == vocabulary
    with pytest.raises(CheckpointError, match="phrases"):
        Vocabulary.unpack(torch.tensor([1, 2, 200], dtype=torch.uint8))
