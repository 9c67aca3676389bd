"""The attribute words that may be masked in a caption; each is a class of the attribute decoder."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..atomic_write import written_whole
from ..errors import ConfigError
from ..outside_files import read_json

_SHIPPED = Path(__file__).with_name("lexicon.json")
_NOT_ATTRIBUTES = {"a", "an", "and", "for", "in", "no", "none", "not", "of", "on", "or", "the", "to", "unknown", "with"}
_CURE = "Give aio.attributes.lexicon a JSON list of lower-case words, or leave it '' for the default one."


@dataclass(frozen=True)
class Lexicon:
    """Attribute words; the position of a word is its class.

    Words are those of CLIP's tokenizer: letters only, in lower case ("t-shirt" is "t", "-", "shirt").
    Plural and singular are two words.

    Raises:
        ConfigError: there are no words, a word is repeated, or a word can never occur in a caption.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.words:
            raise ConfigError(f"The attribute lexicon is empty. {_CURE}")
        for word in self.words:
            if not (isinstance(word, str) and word.isalpha() and word == word.lower()):
                raise ConfigError(f"Attribute lexicon: {word!r} is not one lower-case word of letters only. {_CURE}")
        word, times = Counter(self.words).most_common(1)[0]
        if times > 1:
            raise ConfigError(f"Attribute lexicon: {word!r} is listed {times} times; every word is one class. {_CURE}")

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def index(self) -> dict[str, int]:
        """Class of every word."""
        return {word: position for position, word in enumerate(self.words)}

    @classmethod
    def load(cls, path: str | Path = "") -> Lexicon:
        """The words of a JSON list.

        Args:
            path: '' = the list of the package: common English words for persons, build, hair, colours, clothes and
                bags.

        Raises:
            ConfigError: the file cannot be read, is not a JSON list, or its words are not a lexicon.
        """
        path = Path(path) if str(path) else _SHIPPED
        try:
            words = read_json(path)
        except OSError as error:
            raise ConfigError(f"Attribute lexicon {path} cannot be read: {error.strerror or error}. {_CURE}") from error
        except ValueError as error:
            raise ConfigError(f"Attribute lexicon {path} is not JSON: {error}. {_CURE}") from error
        if not isinstance(words, list):
            raise ConfigError(f"Attribute lexicon {path} is a JSON {type(words).__name__}, not a list. {_CURE}")
        return cls(tuple(words))

    def to_file(self, path: str | Path) -> None:
        """Write the words as a JSON list, one a line."""
        with written_whole(Path(path)) as file:
            file.write((json.dumps(self.words, indent=0, ensure_ascii=False) + "\n").encode())


def build_lexicon(slots: Iterable[str], least: int) -> Lexicon:
    """A lexicon of the words that occur ``least`` times or more in SYNTH-PEDES attribute strings.

    Function words and "unknown" are left out. The most frequent word comes first; equal ones by alphabet.

    Args:
        slots: strings such as "woman,brown hair,red coat,blue jeans,white shoes,handbag".
        least: occurrences a word needs.

    Raises:
        ConfigError: no word occurs that often.
    """
    counts: Counter[str] = Counter()
    for slot in slots:
        words = (word for word in re.findall(r"[^\W\d_]+", slot.lower()) if word.isalpha())
        counts.update(word for word in words if word not in _NOT_ATTRIBUTES)
    kept = [word for word, count in counts.items() if count >= least]
    if not kept:
        raise ConfigError(f"None of {len(counts)} attribute words occurs {least} times or more; lower --least.")
    return Lexicon(tuple(sorted(kept, key=lambda word: (-counts[word], word))))
