"""UFine6926 and UFine3C: photos described in 81 words on average (UFineBench, CVPR 2024, arXiv:2312.03441).

UFine6926 describes every photo twice. UFine3C has photos of several sets, which their ``source`` names, described any
number of times, at several lengths and in several styles; it is for testing only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial

from ...modality import Item
from ..reading.annotations import read_objects
from ..reading.layouts import Tree
from ..reading.text_sets import CaptionedSet, captioned_adapter

MOST_WORDS = 75
"""CLIP reads 77 tokens, two of which are the start and the end, and a word is at least one."""


def _long_captions(tree: Tree, file: str, photos: Mapping[str, list[Item]]) -> list[str]:
    """A note if CLIP's text encoder would cut captions."""
    captions = [text.caption or "" for items in photos.values() for item in items for text in item.media.partners]
    cut = sum(len(caption.split()) > MOST_WORDS for caption in captions)
    if not cut:
        return []
    return [
        f"{tree.dataset}: {cut:,} of {len(captions):,} captions have more than {MOST_WORDS} words; a text encoder of "
        f"77 tokens, such as CLIP's, does not read their ends (aio.text.length)"
    ]


def _long_captions_and_sources(tree: Tree, file: str, photos: Mapping[str, list[Item]]) -> list[str]:
    notes = _long_captions(tree, file, photos)
    if photos["train"]:
        left_out = len(photos["train"])
        notes.append(f"{tree.dataset}: {left_out} photos of split train are left out; UFine3C is for testing")
    records = (record for _, record in read_objects(tree.path(file)))
    sources = Counter(str(record.get("source", "sources not named")) for record in records)
    listed = ", ".join(f"{source} ({count:,})" for source, count in sorted(sources.items()))
    return [*notes, f"{tree.dataset}: its photos are from {listed}, which a model trained on these has seen"]


_ufine_set = partial(
    CaptionedSet,
    annotations=(),
    about="a list of split, id, file_path and captions; the authors do not say its name",
    image="images/<n>.jpg",
    images="",
    similarity_distribution=True,
)
SETS = {
    "ufine6926": _ufine_set(
        name="ufine6926",
        folder="UFine6926",
        published={
            "train": {"train ids": 4_926, "train images": 18_577, "train captions": 37_154},
            "test": {"test ids": 2_000, "test images": 7_629, "test captions": 15_258},
        },
        notes=_long_captions,
    ),
    "ufine3c": _ufine_set(
        name="ufine3c",
        folder="UFine3C",
        published={"test": {"test ids": 2_250, "test images": 7_446, "test captions": 37_939}},
        notes=_long_captions_and_sources,
    ),
}
ADAPTERS = {name: captioned_adapter(captioned) for name, captioned in SETS.items()}
