"""Captions of any kind through tokens, masking, phrases, pictures, the report and the terminal."""

import functools
import random

import torch

from aio_plugin.errors import printable
from aio_plugin.evaluation.tiles import caption_tile, fit, wrap
from aio_plugin.heads.lexicon import Lexicon
from aio_plugin.heads.masking import mask_attributes
from aio_plugin.heads.phrases import Phrases
from aio_plugin.tokenizers.bpe import END, START, encode, lengths, words

from .. import mutate
from ..guard import Wrong, unprintable
from .base import Kind

WORDS = (
    "a", "man", "with", "red", "coat", "backpack", ",", ".", "t-shirt", "\x1b[31m", "\0", "\r\n", "\u202e", "😀",
    "👩\u200d👩\u200d👧", "人", "ß", "İ",
    "&lt;", "&amp;amp;", "<b>", "</script>", "{{7*7}}", "{% raw %}", "%s", "\ud83d", "\ufeff", "e" + "\u0301" * 300,
    "<|endoftext|>", "<|startoftext|>",
    "isn't", "'s", "12345678901234567890", "-", "_", "\u2028", "\t", "ﬁ", "ﷺ",
)  # fmt: skip


@functools.cache
def tools():
    """The shipped lexicon and its phrases."""
    return Lexicon.load(), Phrases(Lexicon.load())


def caption(rng):
    """A caption."""
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice(mutate.TEXTS)
    if kind == 1:
        return rng.choice(("x", "ab", "ß", "人", "😀", "!", "é", "'", "a-", "&amp;", "<b>", "1")) * rng.choice(
            (10, 3_000, 30_000)
        )
    if kind == 2:
        return "".join(
            chr(rng.choice((rng.randrange(0x20), rng.randrange(0x300), rng.randrange(0xD800), rng.randrange(0x110000))))
            for _ in range(rng.choice((1, 30, 2000)))
        )
    if kind == 3:
        return mutate.damaged_bytes(rng, b"A man in a red coat carries a grey backpack.").decode("utf-8", "replace")
    return rng.choice((" ", " ", "")).join(rng.choice(WORDS) for _ in range(rng.choice((1, 5, 20, 3000))))


def tokens(rng, lab):
    """Tokens, masked words and phrases of a caption."""
    text, length = caption(rng), rng.choice((3, 8, 77))
    lexicon, phrases = tools()
    with lab.guard.on():
        ids = encode([text], length)
        pieces = words(text)
        whole, masked, labels = mask_attributes(pieces, lexicon, random.Random(1), 0.5, 10, length)
        found = phrases(text)
    end = int(lengths(ids)[0])
    if ids.shape != (1, length) or ids[0, 0] != START or ids[0, end - 1] != END or bool(ids[0, end:].any()):
        raise Wrong("ids without their start or end")
    if not torch.equal(ids[0], whole):
        raise Wrong("the words of a caption have other ids than the caption")
    hidden = labels >= 0
    if bool((masked != whole)[~hidden].sum() > 0) and not bool(hidden.any()):
        raise Wrong("a word is masked that nothing predicts")
    if not all(isinstance(each, str) and each for each in found):
        raise Wrong(f"phrases {found!r:.80}")
    return "same"


def drawn(rng, lab):
    """A caption as a tile, wrapped."""
    text = caption(rng)
    width, height, size = rng.choice((96, 128, 300)), rng.choice((192, 256)), rng.choice((11, 18))
    with lab.guard.on():
        lines = list(wrap(text, width, size))
        fitted, _ = fit(text, width, height)
        caption_tile(text, width, height)
    if "".join(lines).replace(" ", "") != printable("".join(text.split())).replace(" ", ""):
        raise Wrong("wrapped lines are not the text")
    if not fitted and text.split():
        raise Wrong("no line")
    return "same"


def reported(rng, lab):
    """Captions in the report and in ``explain``'s text."""
    from aio_plugin.evaluation.explain import explain, explanation_page
    from aio_plugin.evaluation.rankings import rankings_of
    from aio_plugin.evaluation.report import ranked_lists, write_report
    from aio_plugin.evaluation.results import target_entry
    from aio_plugin.modality import Media, Modality
    from tests.evaluation import helpers

    at = helpers.target(Modality.SKETCH, Modality.TEXT)
    for number in range(2):
        item, text = at.query[number], caption(rng) or "a"
        name = rng.choice((*mutate.TEXTS[3:14], "a.jpg"))
        parts = [Media(f"/data/{name}#1_s.jpg", Modality.SKETCH), Media("/data/captions.json#0.0", Modality.TEXT, text)]
        at.query[number] = item._replace(media=Media.joined(parts))
    result, *_ = helpers.scored(at, 6.0, topk=3)
    entry = target_entry("toy", "sketch+text -> rgb", {"before": None, "after": result})
    results = helpers.results(entry)
    with lab.guard.on():
        lists = {"toy": ranked_lists(result, 2, 3, lambda medium: helpers.render("/data/1_s.jpg"), (128, 64))}
        page = write_report(lab.case / "report.html", results, lists).read_text("utf-8", "surrogatepass")
        told = explain(entry, rankings_of(result, "/data"), 3)
        text = told.text()
        html, _ = explanation_page([told], "/nowhere", lambda path: helpers.render("/data/1_s.jpg"), "title")
    for place in (page, html):
        if "<script>alert" in place or "</script>a" in place:
            raise Wrong("HTML of a caption is not escaped")
    if unprintable(text):
        raise Wrong(f"control characters reach the terminal: {unprintable(text)!r:.80}")
    return "same"


KINDS = [
    Kind("captions tokens", tokens, lambda lab: tools(), 10),
    Kind("captions drawn", drawn, weight=6),
    Kind("captions reported", reported, weight=3),
]
