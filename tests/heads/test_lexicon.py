"""The attribute lexicon: shipped, from files, built from SYNTH-PEDES attributes."""

import json
import pickle

import pytest

from aio_plugin.errors import ConfigError
from aio_plugin.heads.lexicon import Lexicon, build_lexicon
from aio_plugin.tokenizers.bpe import words


def test_shipped_lexicon():
    lexicon = Lexicon.load()
    assert 200 <= len(lexicon) <= 350
    for word in [
        "woman",
        "men",
        "ponytail",
        "red",
        "jacket",
        "jeans",
        "striped",
        "shoes",
        "backpack",
        "hats",
        "glasses",
    ]:
        assert lexicon.words[lexicon.index[word]] == word
    assert not {"a", "the", "with", "unknown", "person", "wearing"} & set(lexicon.words)


def test_every_shipped_word_is_one_word_to_the_tokenizer():
    for word in Lexicon.load().words:
        assert [found for found, _ in words(f"a {word}, here")][1] == word


def test_load_takes_a_path_or_nothing(tmp_path):
    path = tmp_path / "words.json"
    Lexicon(("red", "hat")).to_file(path)
    assert Lexicon.load(path) == Lexicon.load(str(path)) == Lexicon(("red", "hat"))
    assert Lexicon.load("") == Lexicon.load() != Lexicon.load(path)


def test_index_is_the_order_of_the_words():
    lexicon = Lexicon(("red", "hat", "écharpe"))
    assert lexicon.index == {"red": 0, "hat": 1, "écharpe": 2}
    assert pickle.loads(pickle.dumps(lexicon)) == lexicon


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("red, hat", "not JSON"),
        ('{"red": 0}', "a JSON dict, not a list"),
        ("[]", "empty"),
        ('["red", 3]', "3 is not one lower-case word"),
        ('["red", ["hat"]]', "is not one lower-case word"),
        ('["red", null]', "None is not one"),
        ('["Red"]', "'Red' is not one lower-case word"),
        ('["t-shirt"]', "'t-shirt' is not one"),
        ('["dark red"]', "'dark red' is not one"),
        ('[""]', "'' is not one"),
        ('["red", "hat", "red"]', "'red' is listed 2 times"),
    ],
)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "words.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        Lexicon.load(path)
    assert "Give aio.attributes.lexicon a JSON list" in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.json cannot be read: No such file"):
        Lexicon.load(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00[")
    with pytest.raises(ConfigError, match="not JSON"):
        Lexicon.load(tmp_path / "binary.json")


SLOTS = [
    "Woman,brown hair,red coat,blue jeans,white shoes,handbag",
    "woman,unknown,red t-shirt,blue skirt,unknown,unknown",
    "man,bald,a red coat with hood,blue_jeans 2,unknown,unknown",
]


def test_build_counts_words():
    assert build_lexicon(SLOTS, 3).words == ("blue", "red")
    assert build_lexicon(SLOTS, 2).words == ("blue", "red", "coat", "jeans", "woman")
    everything = set(build_lexicon(iter(SLOTS), 1).words)
    assert {"t", "shirt", "hood", "bald"} <= everything
    assert not {"unknown", "a", "with", "2"} & everything


def test_build_does_not_depend_on_the_order_of_persons():
    assert build_lexicon(SLOTS, 1) == build_lexicon(SLOTS[::-1], 1)


@pytest.mark.parametrize(("slots", "least"), [(SLOTS, 4), ([], 1)])
def test_build_of_nothing(slots, least):
    with pytest.raises(ConfigError, match=f"None of .* attribute words occurs {least} times"):
        build_lexicon(slots, least)


def test_written_lexicon_is_plain_json(tmp_path):
    build_lexicon(SLOTS, 3).to_file(tmp_path / "l.json")
    assert json.loads((tmp_path / "l.json").read_text()) == ["blue", "red"]
