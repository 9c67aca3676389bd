"""UFine6926: every photo described twice, in 81 words on average (UFineBench, CVPR 2024, arXiv:2312.03441)."""

from __future__ import annotations

from ...modality import Combination
from ...protocols.base import Protocol
from ..base import Adapter, Options, Splits, relabel
from ..reading import checks
from ..reading.captioned import counts, gallery_items, query_items, training_items
from ..reading.ufine import OPTIONS, QUERIES, make_protocol, read_photos

NAME, FOLDER = "ufine6926", "UFine6926"
PUBLISHED = {
    "train ids": 4_926,
    "train images": 18_577,
    "train captions": 37_154,
    "test ids": 2_000,
    "test images": 7_629,
    "test captions": 15_258,
}


def read_ufine6926(root: str, options: Options, query: Combination | None) -> Splits:
    """Photos with captions to train on; the captions of the test photos against these.

    Raises:
        DatasetError: the folder, the annotations or the images are not as published.
    """
    combination = query or QUERIES[0]
    _, photos, notes = read_photos(NAME, FOLDER, root, options)
    train, test = photos["train"], photos["test"]
    found = {**counts("train", train), **counts("test", test)}
    return Splits(
        relabel(training_items(train)),
        query_items(test, combination, {}),
        gallery_items(test),
        notes + checks.compare(NAME, found, PUBLISHED),
        found,
        PUBLISHED,
    )


def ufine6926_protocol(root: str, options: Options, query: Combination | None) -> Protocol:
    """Captions against all photos; the source photo leaves the gallery when an image of it is in the query."""
    return make_protocol(NAME, options, query)


ADAPTER = Adapter(NAME, FOLDER, read_ufine6926, ufine6926_protocol, QUERIES, OPTIONS)
