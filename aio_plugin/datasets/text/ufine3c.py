"""UFine3C: photos of several sets, described at several lengths and in several styles; for testing only.

UFineBench, CVPR 2024, arXiv:2312.03441. A photo has any number of captions; its ``source`` names the set it is from.
"""

from __future__ import annotations

from collections import Counter

from ...modality import Combination
from ...protocols.base import Protocol
from ..base import Adapter, Options, Splits
from ..reading import checks
from ..reading.annotations import read_objects
from ..reading.captioned import counts, gallery_items, query_items
from ..reading.ufine import OPTIONS, QUERIES, make_protocol, read_photos

NAME, FOLDER = "ufine3c", "UFine3C"
PUBLISHED = {"test ids": 2_250, "test images": 7_446, "test captions": 37_939}


def read_ufine3c(root: str, options: Options, query: Combination | None) -> Splits:
    """The captions of all photos against these. There is nothing to train on.

    Raises:
        DatasetError: the folder, the annotations or the images are not as published.
    """
    combination = query or QUERIES[0]
    file, photos, notes = read_photos(NAME, FOLDER, root, options)
    found = counts("test", photos["test"])
    if photos["train"]:
        notes.append(f"{NAME}: {len(photos['train'])} photos of split train are left out; UFine3C is for testing")
    notes += [_sources(file), *checks.compare(NAME, found, PUBLISHED)]
    return Splits(
        query=query_items(photos["test"], combination, {}),
        gallery=gallery_items(photos["test"]),
        notes=notes,
        found=found,
        published=PUBLISHED,
    )


def ufine3c_protocol(root: str, options: Options, query: Combination | None) -> Protocol:
    """Captions against all photos; the source photo leaves the gallery when an image of it is in the query."""
    return make_protocol(NAME, options, query)


def _sources(file: str) -> str:
    sources = Counter(str(record.get("source", "sources not named")) for _, record in read_objects(file))
    listed = ", ".join(f"{source} ({count:,})" for source, count in sorted(sources.items()))
    return f"{NAME}: its photos are from {listed}: no unseen datasets to a model trained on these"


ADAPTER = Adapter(NAME, FOLDER, read_ufine3c, ufine3c_protocol, QUERIES, OPTIONS)
