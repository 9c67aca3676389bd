"""Attribute phrases of captions (DMF, figure of the method).

The lexicon of attribute words is the one that AIO masks. ``phrases.json`` adds what only phrases need: which words
are modifiers, nouns that are not attributes on their own ("clothes"), and words for weather, time, place and
viewpoint, which describe the picture, not the person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .lexicon import Lexicon

GROUPS: Mapping[str, list[str]] = json.loads(Path(__file__).with_name("phrases.json").read_text(encoding="utf-8"))
"""Words of ``phrases.json`` by what they are."""

MODIFIER, NOUN, SCENE, VIEW = "modifier", "noun", "scene", "view"

_TOKENS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*|[^\w\s]|\d+")
_NOT = re.compile(r"n['’]t\b")
_OWN = re.compile(r"['’]s\b")
_NEGATIONS = {"no", "not", "without", "neither", "nor", "never"}
_CLAUSE_ENDS = {".", ",", ";", ":", "!", "?", "and", "but"}
_STOPS = {".", ",", ";", ":", "!", "?", "(", ")"}
_BE = {"is", "are", "was", "were", "looks", "look"}
_ADVERBS = {"very", "quite", "rather", "also", "mostly", "pretty", "all"}
_ARTICLES = {"a", "an", "the", "his", "her", "their", "its"}
_SEEN = {"view", "views", "viewpoint", "side", "angle", "perspective", "profile"}
_FROM = {"from", "facing", "view", "viewpoint"}


class Phrases:
    """Extracts the attribute phrases of captions.

    A phrase is an attribute noun with its modifiers ("long brown hair", "black and white shoes"), a modifier
    without a noun ("male", "tall"), or a word for weather, time, place or viewpoint ("sunny", "front"). Negated
    phrases stay negated ("no bag"). "Her hair is long and brown" gives "long and brown hair".

    Args:
        lexicon: the attribute words; those that are not listed as modifiers are nouns.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        modifiers = set(GROUPS["modifiers"])
        self.roles = {word: MODIFIER if word in modifiers else NOUN for word in lexicon.words}
        for group, role in (("nouns", NOUN), ("scene", SCENE), ("views", VIEW), ("more_modifiers", MODIFIER)):
            self.roles |= dict.fromkeys(GROUPS[group], role)
        known = "|".join(sorted(word for word, role in self.roles.items() if role == MODIFIER))
        self._joined = re.compile(rf"\b(up|down)({known})\b")

    def __call__(self, caption: str) -> list[str]:
        """The phrases of ``caption`` in order, without repetitions."""
        return list(dict.fromkeys(self._scan(self._tokens(caption))))

    def _tokens(self, caption: str) -> list[str]:
        text = _OWN.sub("", _NOT.sub(" not", caption.lower()))
        # FineGPR-C and similar captions join "upblue" and "downwhite", next to "upper-body" and "lower-body"
        text = self._joined.sub(lambda m: f"{m[2]} {'upper' if m[1] == 'up' else 'lower'}", text)
        return _TOKENS.findall(re.sub(r"\b(upper|lower) (?=\1)", "", text))

    def _role(self, word: str) -> str | None:
        """Role of a word; of a compound ("t-shirt", "dark-haired"), that of its last known part."""
        role = self.roles.get(word)
        if role is None and "-" in word:
            parts = word.split("-")
            if parts[0] in self.roles and parts[-1] in _SEEN:  # "front-view"
                return self.roles[parts[0]]
            return next((self.roles[part] for part in reversed(parts) if part in self.roles), None)
        return role

    def _scan(self, tokens: Sequence[str]) -> Iterator[str]:
        at, negated = 0, False
        while at < len(tokens):
            word = tokens[at]
            role = self._role(word)
            if role in (MODIFIER, NOUN):
                words, at = self._run(tokens, at)
                if self._role(words[-1]) == NOUN:
                    yield f"no {' '.join(words)}" if negated else " ".join(words)
                elif not negated:
                    yield from (word for word in words if word != "and")
                negated = negated and at < len(tokens) and tokens[at] == "or"
                continue
            if role == SCENE or (role == VIEW and self._seen(tokens, at)):
                yield word.split("-")[0] if word.split("-")[-1] in _SEEN else word
            negated = word in _NEGATIONS or (negated and word not in _CLAUSE_ENDS)
            at += 1

    def _run(self, tokens: Sequence[str], at: int) -> tuple[list[str], int]:
        """Words of the phrase that begins at ``at``, and its end."""
        words, at = self._modifiers(tokens, at)
        nouns = at
        while at < len(tokens) and self._role(tokens[at]) == NOUN:
            at += 1
        if at == nouns:
            return words, at
        words = [*words, *tokens[nouns:at]]
        predicate, end = self._predicate(tokens, at)
        return ([*predicate, *words], end) if predicate else (words, at)

    def _modifiers(self, tokens: Sequence[str], at: int) -> tuple[list[str], int]:
        """Modifiers from ``at`` on, with "and" between two of them, and their end."""
        words: list[str] = []
        while at < len(tokens):
            joined = bool(words) and tokens[at] == "and" and self._role(_at(tokens, at + 1)) == MODIFIER
            if not joined and self._role(tokens[at]) != MODIFIER:
                break
            words.append(tokens[at])
            at += 1
        return words, at

    def _predicate(self, tokens: Sequence[str], at: int) -> tuple[list[str], int]:
        """The modifiers of "is long and brown" after a noun; none for "are white sneakers"."""
        if _at(tokens, at) not in _BE:
            return [], at
        at += 1
        while _at(tokens, at) in _ADVERBS:
            at += 1
        words, end = self._modifiers(tokens, at)
        return ([], at) if self._role(_at(tokens, end)) == NOUN else (words, end)

    def _seen(self, tokens: Sequence[str], at: int) -> bool:
        """Whether a word like "front" is the viewpoint of the camera: not in "front pocket" or "in front of"."""
        before = at - 1
        while _at(tokens, before) in _ARTICLES:
            before -= 1
        if "-" in tokens[at] and tokens[at].split("-")[-1] in _SEEN:
            return True
        alone = all(_at(tokens, place) in {*_STOPS, "", "and"} for place in (at - 1, at + 1))
        return alone or _at(tokens, at + 1) in _SEEN or _at(tokens, before) in _FROM


def _at(tokens: Sequence[str], place: int) -> str:
    return tokens[place] if 0 <= place < len(tokens) else ""
