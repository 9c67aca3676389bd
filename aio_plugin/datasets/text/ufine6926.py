"""UFine6926: every photo described twice, in 81 words on average (UFineBench, CVPR 2024, arXiv:2312.03441)."""

from __future__ import annotations

from collections.abc import Mapping

from ..reading.captioned import Photo
from ..reading.layouts import Tree
from ..reading.text_sets import CaptionedSet, captioned_adapter

ABOUT = "a list of split, id, file_path and captions; the authors do not say its name"
MOST_WORDS = 75
"""CLIP reads 77 tokens, two of which are the start and the end, and a word is at least one."""


def long_caption_notes(tree: Tree, file: str, photos: Mapping[str, list[Photo]]) -> list[str]:
    """A note if CLIP's text encoder would cut captions."""
    captions = [caption.caption or "" for some in photos.values() for photo in some for caption in photo.captions]
    cut = sum(len(caption.split()) > MOST_WORDS for caption in captions)
    if not cut:
        return []
    return [
        f"{tree.dataset}: {cut:,} of {len(captions):,} captions have more than {MOST_WORDS} words; a text encoder of "
        f"77 tokens, such as CLIP's, does not read their ends (aio.text.length)"
    ]


SET = CaptionedSet(
    name="ufine6926",
    folder="UFine6926",
    annotations=(),
    about=ABOUT,
    image="images/<n>.jpg",
    published={
        "train": {"train ids": 4_926, "train images": 18_577, "train captions": 37_154},
        "test": {"test ids": 2_000, "test images": 7_629, "test captions": 15_258},
    },
    images="",
    notes=long_caption_notes,
    similarity_distribution=True,
)
ADAPTER = captioned_adapter(SET)
