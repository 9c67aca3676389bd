"""Captions to CLIP's byte-pair tokens, the same ids as open_clip's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ..errors import ModalityError
from ..torchvision_import import repair_torchvision

VOCABULARY = 49408
"""Size of CLIP's vocabulary, start and end token included."""

START, END, PADDING = 49406, 49407, 0

MASK_ID = VOCABULARY
"""The id of a masked word, the first after CLIP's vocabulary."""


def encode(captions: Sequence[str], length: int = 77) -> Tensor:
    """Ids (B, L) int64 of captions: start, the words, end, zeros; L = ``length``.

    A longer caption is cut and keeps its end token.

    Raises:
        ModalityError: ``captions`` is one string, or ``length`` leaves no room for start and end.

    Example:
        >>> encode(["a red coat"], 7)
        tensor([[49406,   320,   736,  7356, 49407,     0,     0]])
    """
    if isinstance(captions, str):
        raise ModalityError("encode() takes a list of captions; put the one caption into a list.")
    if length < 2:
        raise ModalityError(f"A caption needs room for its start and end token, got length {length}.")
    return join([_tokenizer().encode(caption) for caption in captions], length)


def join(pieces: Sequence[Sequence[int]], length: int = 77) -> Tensor:
    """Ids (B, ``length``) int64 of captions given as the ids of their words; see :func:`encode`."""
    ids = torch.full((len(pieces), length), PADDING, dtype=torch.long)
    for row, piece in zip(ids, pieces, strict=True):
        framed = [START, *piece[: length - 2], END]
        row[: len(framed)] = torch.tensor(framed)
    return ids


def lengths(ids: Tensor) -> Tensor:
    """Tokens up to and including the end token, (B,) int64, of ids (B, L).

    Counting non-zero ids would be wrong: 0 is also the id of a "!" inside "!~".

    Raises:
        ModalityError: a row has no end token.
    """
    ends = ids == END
    if not bool(ends.any(dim=1).all()):
        raise ModalityError("A caption's ids have no end token; make them with aio_plugin.tokenizers.bpe.encode.")
    return ends.int().argmax(dim=1) + 1


def words(caption: str) -> list[tuple[str, list[int]]]:
    """The words of a caption, cleaned and in lower case, each with its ids.

    Concatenated, the ids are those of :func:`encode` without start and end token, and not cut.

    Example:
        >>> words("A red coat")
        [('a', [320]), ('red', [736]), ('coat', [7356])]
    """
    tokenizer = _tokenizer()
    return [(word, list(_ids(word))) for word in tokenizer.pat.findall(tokenizer.clean_fn(caption))]


@lru_cache(maxsize=65536)
def _ids(word: str) -> tuple[int, ...]:
    tokenizer = _tokenizer()
    symbols = "".join(tokenizer.byte_encoder[byte] for byte in word.encode("utf-8"))
    return tuple(tokenizer.encoder[piece] for piece in tokenizer.bpe(symbols).split(" "))


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    """open_clip's tokenizer, the instance in its module."""
    repair_torchvision()
    from open_clip import tokenizer

    return tokenizer._tokenizer
