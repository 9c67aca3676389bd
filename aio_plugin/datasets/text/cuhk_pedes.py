"""CUHK-PEDES: captioned photos of five older sets (Li et al., Person Search with Natural Language Description).

``reid_raw.json`` holds the split; ``caption_all.json``, which comes with the images, does not. The
folders ``train_query`` and ``test_query`` are those of CUHK-SYSU and say nothing of the split.
"""

from __future__ import annotations

from ...errors import DatasetError
from ...options import Option
from ..reading.annotations import read_objects
from ..reading.layouts import Tree
from ..reading.text_sets import CaptionedSet, captioned_adapter

ANNOTATIONS, UNSPLIT = "reid_raw.json", "caption_all.json"
CAPTIONS = Option(
    "captions",
    "all",
    "queries: 'all' captions of every photo (6,156 in test; IRRA and later), or 'first2' (6,148; the original Lua)",
    ("all", "first2"),
)


def _check_split_file(tree: Tree) -> None:
    if tree.has(ANNOTATIONS) or not tree.has(UNSPLIT):
        return
    _, first = next(read_objects(tree.path(UNSPLIT)))
    if "split" not in first:
        raise DatasetError(
            f"{tree.dataset}: {tree.path(UNSPLIT)} does not say which photos are for training and testing. "
            f"Put {ANNOTATIONS}, which does, beside it (the dataset's read-me links it)."
        )


SET = CaptionedSet(
    name="cuhk_pedes",
    folder="CUHK-PEDES",
    annotations=(ANNOTATIONS,),
    about="with the split; linked from the dataset's read-me",
    image="<CUHK01|CUHK03|Market|cam_a|cam_b|test_query|train_query>/<image>",
    published={
        "train": {"train ids": 11_003, "train images": 34_054, "train captions": 68_126},
        "val": {"val ids": 1_000, "val images": 3_078, "val captions": 6_158},
        "test": {"test ids": 1_000, "test images": 3_074, "test captions": 6_156},
    },
    options=(CAPTIONS,),
    check=_check_split_file,
)
ADAPTER = captioned_adapter(SET)
