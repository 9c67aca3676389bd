"""UFine3C: photos of several sets, described at several lengths and in several styles; for testing only.

UFineBench, CVPR 2024, arXiv:2312.03441. A photo has any number of captions; its ``source`` names the set it is from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ..reading.annotations import read_objects
from ..reading.captioned import Photo
from ..reading.layouts import Tree
from ..reading.text_sets import CaptionedSet, captioned_adapter
from .ufine6926 import ABOUT, long_caption_notes


def _notes(tree: Tree, file: str, photos: Mapping[str, list[Photo]]) -> list[str]:
    notes = long_caption_notes(tree, file, photos)
    if photos["train"]:
        left_out = len(photos["train"])
        notes.append(f"{tree.dataset}: {left_out} photos of split train are left out; UFine3C is for testing")
    records = (record for _, record in read_objects(tree.path(file)))
    sources = Counter(str(record.get("source", "sources not named")) for record in records)
    listed = ", ".join(f"{source} ({count:,})" for source, count in sorted(sources.items()))
    return [*notes, f"{tree.dataset}: its photos are from {listed}, which a model trained on these has seen"]


SET = CaptionedSet(
    name="ufine3c",
    folder="UFine3C",
    annotations=(),
    about=ABOUT,
    image="images/<n>.jpg",
    published={"test": {"test ids": 2_250, "test images": 7_446, "test captions": 37_939}},
    images="",
    notes=_notes,
    similarity_distribution=True,
)
ADAPTER = captioned_adapter(SET)
